import { ffi } from '../../runtime/ffi.js';

/** The functions of TurboJPEG's 2.x interface that decoding needs; the libraries of 3.x have them as well. */
export interface TurboJpeg {
  /** @returns a decompressor, which one call at a time may use. */
  initDecompress(): unknown;
  destroy(handle: unknown): number;
  /** 0, or -1 with nothing filled in. */
  header(
    handle: unknown,
    jpeg: Uint8Array,
    size: number,
    width: [number],
    height: [number],
    subsampling: [number],
    colourspace: [number],
  ): number;
  decompress: ((...parameters: DecompressParameters) => number) & {
    /** The same on a thread of its own. */
    async(...parameters: [...DecompressParameters, (error: unknown, status: number) => void]): void;
  };
}

type DecompressParameters = [
  handle: unknown,
  jpeg: Uint8Array,
  size: number,
  pixels: Uint8Array,
  width: number,
  pitch: number,
  height: number,
  pixelFormat: number,
  flags: number,
];

/** What the library is called; with a folder where package managers put it outside the loader's path. */
const NAMES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ['libturbojpeg.so.0', 'libturbojpeg.so'],
  darwin: [
    'libturbojpeg.dylib',
    '/opt/homebrew/opt/jpeg-turbo/lib/libturbojpeg.dylib',
    '/usr/local/opt/jpeg-turbo/lib/libturbojpeg.dylib',
    '/opt/libjpeg-turbo/lib64/libturbojpeg.dylib',
  ],
  win32: ['turbojpeg.dll', 'C:\\libjpeg-turbo64\\bin\\turbojpeg.dll'],
};

let loaded: TurboJpeg | undefined | 'not tried' = 'not tried';

/** The TurboJPEG library of this machine; undefined where there is none. Looked for once. */
export function turboJpeg(): TurboJpeg | undefined {
  if (loaded === 'not tried') loaded = load();
  return loaded;
}

function load(): TurboJpeg | undefined {
  for (const name of NAMES[process.platform] ?? [])
    try {
      const library = ffi().load(name);
      return {
        initDecompress: library.func('void *tjInitDecompress()'),
        destroy: library.func('int tjDestroy(void *)'),
        header: library.func(
          'int tjDecompressHeader3(void *, const uint8_t *, unsigned long, _Out_ int *, _Out_ int *, _Out_ int *, _Out_ int *)',
        ),
        decompress: library.func(
          'int tjDecompress2(void *, const uint8_t *, unsigned long, uint8_t *, int, int, int, int, int)',
        ) as TurboJpeg['decompress'],
      };
    } catch {
      // Not there, or not loadable: the next one, and in the end none.
    }
  return undefined;
}
