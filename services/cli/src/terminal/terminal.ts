// The part of the process that commands use. It is a parameter, so that a command's signature shows its access to the
// process.
import type { Environment } from '@cistern/runtime/process';

export interface Terminal {
  readonly env: Environment;
  /** Only commands that need a password read it. */
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: {
    write(text: string): unknown;
    /** The file descriptor to which a node writes its log. */
    readonly fd: number;
    readonly isTTY?: boolean;
    readonly rows?: number;
  };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  exitCode?: number | string | null | undefined;
}
