// Describes the machine of a run. Figures mean little without it.
import { cpus, loadavg } from 'node:os';

/** One line. The load is the average of the last five minutes, mostly of the benchmark itself. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  return `${cpus().length} × ${model}, Node ${process.version}, load ${loadavg()[1]?.toFixed(1)}`;
}
