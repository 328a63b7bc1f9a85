import type { PrewarmImage } from './prewarm-plan.ts';

/** `lastAtMs`: of the last run; without one it is due at once. */
export async function isDue(when: PrewarmImage['when'], lastAtMs: number | undefined, nowMs: number): Promise<boolean> {
  if (lastAtMs === undefined) return true;
  if ('everyMs' in when) return nowMs - lastAtMs >= when.everyMs;
  const { CronExpressionParser } = await import('cron-parser');
  const expression = CronExpressionParser.parse(when.cron, { currentDate: new Date(lastAtMs), tz: 'UTC' });
  return expression.next().getTime() <= nowMs;
}
