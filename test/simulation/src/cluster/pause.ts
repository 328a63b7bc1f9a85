// Lets virtual time pass for the scenario itself, which no fault hits.
import { plan } from '../world/schedule.ts';

export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => plan(delayMs, resolve, { owner: undefined, label: 'scenario' }));
}
