// Replaces `@cistern/index/redis`.
import { adapterDoubles } from '../adapter-doubles.ts';

export const openRedisIndex = () => adapterDoubles().openIndex();
