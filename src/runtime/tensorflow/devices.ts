import type { CApi, Pointer } from './c-api.js';
import { loadTensorFlow } from './library.js';
import { newSession } from './session.js';
import { encodeConfig, preferredVariant, type SessionOptions } from './session-options.js';
import { withStatus } from './status.js';

export interface TensorFlowDevice {
  /** `/job:localhost/replica:0/task:0/device:GPU:0` */
  readonly name: string;
  /** `CPU`, `GPU` */
  readonly type: string;
  /** Of a GPU: what TensorFlow may take. Of the CPU a figure without meaning (256 MB). */
  readonly memoryBytes: number;
}

/** The devices that a session with these options has. With `device: "gpu"` this starts CUDA. */
export async function listDevices(options: SessionOptions = {}): Promise<TensorFlowDevice[]> {
  const { api } = await loadTensorFlow(preferredVariant(options));
  const graph = api.NewGraph();
  let session: Pointer | undefined;
  try {
    session = newSession(api, graph, encodeConfig(options));
    return read(api, session);
  } finally {
    if (session !== undefined)
      withStatus(api, 'closing the session', (status) => api.DeleteSession(session!, status));
    api.DeleteGraph(graph);
  }
}

function read(api: CApi, session: Pointer): TensorFlowDevice[] {
  return withStatus(api, 'listing devices', (status) => {
    const list = api.SessionListDevices(session, status);
    if (list === null) return [];
    try {
      return Array.from({ length: api.DeviceListCount(list) }, (_, i) => ({
        name: api.DeviceListName(list, i, status),
        type: api.DeviceListType(list, i, status),
        memoryBytes: Number(api.DeviceListMemoryBytes(list, i, status)),
      }));
    } finally {
      api.DeleteDeviceList(list);
    }
  });
}
