// The platforms of images and Debian packages.

export interface Platform {
  /** The name in images and in Debian. */
  readonly architecture: 'amd64' | 'arm64';
  /** The name in Node and npm. */
  readonly cpu: 'x64' | 'arm64';
  /** The name in the GNU toolchain and in Debian's library directories. */
  readonly triplet: string;
}

export const platforms: readonly Platform[] = [
  { architecture: 'amd64', cpu: 'x64', triplet: 'x86_64-linux-gnu' },
  { architecture: 'arm64', cpu: 'arm64', triplet: 'aarch64-linux-gnu' },
];

/** Throws an Error if there is no such platform. */
export function platformOf(architecture: string): Platform {
  const found = platforms.find((platform) => platform.architecture === architecture);
  if (found === undefined)
    throw new Error(
      `There is no platform ${architecture}. Choose ${platforms.map((each) => each.architecture).join(' or ')}.`,
    );
  return found;
}
