import protobuf from 'protobufjs/light.js';

/*
 * The fields that are set or read here of TensorFlow's messages about sessions: tensorflow/core/protobuf/config.proto and
 * rewriter_config.proto, tensorflow/core/framework/step_stats.proto. Numbers are the wire format's and never change.
 */

const TOGGLE = { DEFAULT: 0, ON: 1, OFF: 2 };

const toggles = (fields: Record<string, number>) =>
  Object.fromEntries(Object.entries(fields).map(([name, id]) => [name, { type: 'Toggle', id }]));

const root = protobuf.Root.fromJSON({
  nested: {
    Toggle: { values: TOGGLE },
    RewriterConfig: {
      fields: {
        ...toggles({
          layoutOptimizer: 1,
          constantFolding: 3,
          arithmeticOptimization: 7,
          dependencyOptimization: 8,
          loopOptimization: 9,
          functionOptimization: 10,
          shapeOptimization: 13,
          remapping: 14,
          autoMixedPrecision: 23,
          commonSubgraphElimination: 24,
          autoMixedPrecisionOnednnBfloat16: 31,
        }),
        memoryOptimization: { type: 'int32', id: 4 },
        disableMetaOptimizer: { type: 'bool', id: 19 },
      },
    },
    OptimizerOptions: { fields: { optLevel: { type: 'int32', id: 3 } } },
    GraphOptions: {
      fields: {
        optimizerOptions: { type: 'OptimizerOptions', id: 3 },
        rewriteOptions: { type: 'RewriterConfig', id: 10 },
      },
    },
    GpuOptions: {
      fields: {
        allowGrowth: { type: 'bool', id: 4 },
        visibleDeviceList: { type: 'string', id: 5 },
      },
    },
    // A map in the definition, which is this on the wire.
    DeviceCount: { fields: { key: { type: 'string', id: 1 }, value: { type: 'int32', id: 2 } } },
    ConfigProto: {
      fields: {
        deviceCount: { rule: 'repeated', type: 'DeviceCount', id: 1 },
        intraOpParallelismThreads: { type: 'int32', id: 2 },
        interOpParallelismThreads: { type: 'int32', id: 5 },
        gpuOptions: { type: 'GpuOptions', id: 6 },
        allowSoftPlacement: { type: 'bool', id: 7 },
        usePerSessionThreads: { type: 'bool', id: 9 },
        graphOptions: { type: 'GraphOptions', id: 10 },
      },
    },
    RunOptions: { fields: { traceLevel: { type: 'int32', id: 1 } } },
    NodeExecStats: {
      fields: {
        nodeName: { type: 'string', id: 1 },
        timelineLabel: { type: 'string', id: 8 },
        threadId: { type: 'uint32', id: 10 },
        allStartNanos: { type: 'int64', id: 13 },
        opStartRelNanos: { type: 'int64', id: 14 },
        opEndRelNanos: { type: 'int64', id: 15 },
        allEndRelNanos: { type: 'int64', id: 16 },
      },
    },
    DeviceStepStats: {
      fields: {
        device: { type: 'string', id: 1 },
        nodeStats: { rule: 'repeated', type: 'NodeExecStats', id: 2 },
      },
    },
    StepStats: { fields: { devStats: { rule: 'repeated', type: 'DeviceStepStats', id: 1 } } },
    RunMetadata: { fields: { stepStats: { type: 'StepStats', id: 1 } } },
  },
});

export const ConfigProto = root.lookupType('ConfigProto');
export const RunOptions = root.lookupType('RunOptions');
export const RunMetadata = root.lookupType('RunMetadata');

export const Toggle = TOGGLE;

/** OptimizerOptions.Level.L0: the session folds no constants by itself either. */
export const NO_OPTIMIZATION = -1;

/** RunOptions.TraceLevel.FULL_TRACE */
export const FULL_TRACE = 3;
