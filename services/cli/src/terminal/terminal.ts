// What commands need of the process; a parameter, so that they say what they touch.
import type { Environment } from '@cistern/runtime/process';

export interface Terminal {
  readonly env: Environment;
  /** Read by few commands. */
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: {
    write(text: string): unknown;
    /** A node writes its log there. */
    readonly fd: number;
    readonly isTTY?: boolean;
    readonly rows?: number;
  };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  exitCode?: number | string | null | undefined;
}
