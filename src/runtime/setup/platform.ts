/** The TensorFlow that is fetched. */
export const TENSORFLOW_VERSION = '2.21.0';

export type Variant = 'cpu' | 'cuda';

/** What to fetch for one platform, and what it holds. */
export interface WheelTarget {
  /** For pip, without the version. */
  requirement: string;
  /** Wheel tags pip may take, best first. */
  platforms: readonly string[];
  /** Paths in the wheel, what others link to last. */
  libraries: readonly [string, string];
}

const LINUX_LIBRARIES = [
  'tensorflow/libtensorflow_framework.so.2',
  'tensorflow/libtensorflow_cc.so.2',
] as const;

const CPU: Record<string, WheelTarget> = {
  'linux-x64': {
    requirement: 'tensorflow-cpu',
    platforms: ['manylinux_2_27_x86_64'],
    libraries: LINUX_LIBRARIES,
  },
  'linux-arm64': {
    requirement: 'tensorflow',
    platforms: ['manylinux_2_27_aarch64'],
    libraries: LINUX_LIBRARIES,
  },
  'darwin-arm64': {
    requirement: 'tensorflow',
    platforms: ['macosx_12_0_arm64'],
    libraries: ['tensorflow/libtensorflow_framework.2.dylib', 'tensorflow/libtensorflow_cc.2.dylib'],
  },
};

const CUDA: Record<string, WheelTarget> = {
  'linux-x64': {
    requirement: 'tensorflow[and-cuda]',
    // The CUDA packages and what TensorFlow depends on are built for several baselines.
    platforms: [
      'manylinux_2_28_x86_64',
      'manylinux_2_27_x86_64',
      'manylinux_2_17_x86_64',
      'manylinux2014_x86_64',
    ],
    libraries: LINUX_LIBRARIES,
  },
};

export interface Platform {
  platform: NodeJS.Platform;
  arch: string;
  /** Linux with another C library (Alpine's musl) runs no manylinux wheel. */
  glibc: boolean;
}

export function thisPlatform(): Platform {
  const { header } = process.report.getReport() as unknown as {
    header: { glibcVersionRuntime?: string };
  };
  return {
    platform: process.platform,
    arch: process.arch,
    glibc: header.glibcVersionRuntime !== undefined,
  };
}

/** The wheel for a platform, or a line that says why there is none. */
export function wheelTarget(
  { platform, arch, glibc }: Platform,
  variant: Variant,
): { target: WheelTarget } | { unsupported: string } {
  const target = (variant === 'cuda' ? CUDA : CPU)[`${platform}-${arch}`];
  if (platform === 'linux' && !glibc)
    return { unsupported: 'TensorFlow is not published for Linux without glibc (Alpine)' };
  if (target !== undefined) return { target };
  if (variant === 'cuda')
    return { unsupported: `TensorFlow with CUDA is not published for ${platform} ${arch}` };
  return {
    unsupported:
      platform === 'win32'
        ? 'building on the TensorFlow wheel is not supported on Windows yet; there the package’s own download works alone (`npm rebuild @tensorflow/tfjs-node-gpu`)'
        : `TensorFlow ${TENSORFLOW_VERSION} is not published for ${platform} ${arch}`,
  };
}
