// Lets virtual time pass in the code of the scenario, which no fault hits.
import { plan } from '../world/schedule.ts';

export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => plan(delayMs, resolve, { owner: undefined, label: 'scenario' }));
}
