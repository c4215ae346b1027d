/**
 * onnxruntime-node without anything of ours: times an ONNX file on request, in the manner of pytorch/throughput.py. FILE SHAPE, as `model.onnx 16,3,224,224`.
 */
import { createInterface } from 'node:readline';
import ort from 'onnxruntime-node';

const [file, sizes] = process.argv.slice(2);
const shape = sizes.split(',').map(Number);
const session = await ort.InferenceSession.create(file);
const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * Math.random() - 1);
const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', data, shape) };
for await (const line of createInterface({ input: process.stdin })) {
  if (line === '') continue;
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  await session.run(feeds);
  const [ms, { user, system }] = [performance.now() - start, process.cpuUsage(cpu)];
  console.log(JSON.stringify({ seconds: ms / 1000, cpuSeconds: (user + system) / 1e6 }));
}
