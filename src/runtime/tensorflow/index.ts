export type { TensorDType } from './dtypes.js';
export { alignedFloat32, type HostArray } from './host-array.js';
export { TensorFlowSession, type RunRequest } from './session.js';
export type { GraphPass, SessionOptions } from './session-options.js';
export { TensorFlowError, type TensorFlowCode } from './status.js';
export { listDevices, type TensorFlowDevice } from './devices.js';
export { tensorflowVersion } from './library.js';
export type { NodeTime } from './profile.js';
export { opLibrary, type OpLibrary } from './op-library.js';
