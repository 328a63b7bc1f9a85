// Cistern's version. It comes from package.json, so that there is one place to change it.
import packageJson from '../../package.json' with { type: 'json' };

export const { version } = packageJson;
