// Figures mean little without the machine that they are of.
import { cpus, loadavg } from 'node:os';

/** The load is that of the last minutes: mostly the benchmark's own. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  return `${cpus().length} × ${model}, Node ${process.version}, load ${loadavg()[1]?.toFixed(1)}`;
}
