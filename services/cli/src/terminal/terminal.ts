// The part of the process that commands use. It is a parameter, so that each command declares its access.
import type { Environment } from '@cistern/runtime/process';

export interface Terminal {
  readonly env: Environment;
  /** Only few commands read it. */
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: {
    write(text: string): unknown;
    /** A node writes its log to this descriptor. */
    readonly fd: number;
    readonly isTTY?: boolean;
    readonly rows?: number;
  };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  exitCode?: number | string | null | undefined;
}
