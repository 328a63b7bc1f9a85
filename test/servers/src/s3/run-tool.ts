// Runs command-line tools of a server under test. They are supervised like servers, because Ceph's tools wait without a
// limit for an unavailable cluster.
import { startProcess } from '../start-process.ts';

const timeoutMs = 60_000;

export interface Tool {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Rejects with the end of the output unless the tool exits with 0 within one minute. */
export async function runTool(tool: Tool): Promise<void> {
  const running = await startProcess(tool);
  // real-time: a limit against a tool that waits forever
  const timer = setTimeout(() => running.sendSignal('SIGKILL'), timeoutMs);
  try {
    const { code, signal } = await running.waitForExit();
    if (code === 0) return;
    const tail = running.outputLines().slice(-20).join('\n');
    throw new Error(`"${[tool.command, ...tool.args].join(' ')}" failed (${signal ?? `exit code ${code}`}):\n${tail}`);
  } finally {
    clearTimeout(timer);
    await running.stop();
  }
}
