import { CronExpressionParser } from 'cron-parser';
import type { PrewarmImage } from './prewarm-plan.ts';

/** `lastAtMs`: of the last run; without one it is due at once. */
export function isDue(when: PrewarmImage['when'], lastAtMs: number | undefined, nowMs: number): boolean {
  if (lastAtMs === undefined) return true;
  if ('everyMs' in when) return nowMs - lastAtMs >= when.everyMs;
  const expression = CronExpressionParser.parse(when.cron, { currentDate: new Date(lastAtMs), tz: 'UTC' });
  return expression.next().getTime() <= nowMs;
}
