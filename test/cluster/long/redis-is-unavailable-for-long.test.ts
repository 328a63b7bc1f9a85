import { after } from 'node:test';
import { describeRedisOutages } from '../src/redis-outage.ts';

await describeRedisOutages({ after }, 20_000);
