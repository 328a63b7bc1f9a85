// The project's own rules for oxlint, which loads this file as the plugin `cistern`.
import { realTime } from './real-time.mjs';

// oxlint-disable-next-line import/no-default-export -- oxlint requires this form of a plugin.
export default { meta: { name: 'cistern' }, rules: { 'real-time': realTime } };
