export { loadOnnxRuntime, onnxRuntimeVersion } from './library.js';
export { OnnxSession, type OnnxPort, type OnnxSessionOptions } from './session.js';
export { profileOnnx } from './profile.js';
