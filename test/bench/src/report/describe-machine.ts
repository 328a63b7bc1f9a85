// Describes the machine of a run. Figures mean little without it.
import { cpus, loadavg } from 'node:os';

/** Processors and their model. */
export function machineName(): string {
  return `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`;
}

/** One line. The load is the average of the last five minutes, mostly of the benchmark itself. */
export function describeMachine(): string {
  return `${machineName()}, Node ${process.version}, load ${loadavg()[1]?.toFixed(1)}`;
}
