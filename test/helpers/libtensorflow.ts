import { findTensorFlowFiles } from '../../src/runtime/tensorflow/find-library.js';

/** Whether there is a libtensorflow on this machine. */
export const hasTensorFlow = await findTensorFlowFiles('cpu').then(
  () => true,
  () => false,
);

/** For the names of suites that are skipped without it. */
export const NO_TENSORFLOW = hasTensorFlow
  ? ''
  : ' (skipped: no libtensorflow here, `recnext setup` brings it)';
