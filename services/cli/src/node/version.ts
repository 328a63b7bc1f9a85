// Cistern's version. It is read from package.json, so that the version must be changed only there.
import packageJson from '../../package.json' with { type: 'json' };

export const { version } = packageJson;
