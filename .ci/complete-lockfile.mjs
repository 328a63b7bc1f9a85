// `npm run lock` adds packages of other platforms to package-lock.json. With a registry mirror that has only some
// platforms, npm leaves the others out. `npm ci` then rejects the lockfile on every machine. Shipped packages of every
// platform get their hash (decision 0009).
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const systems = { windows: 'win32' };
const processors = { 64: 'x64' };
const file = resolve(fileURLToPath(import.meta.url), '../../package-lock.json');
const lock = JSON.parse(readFileSync(file, 'utf8'));

for (const [path, parent] of Object.entries(lock.packages)) {
  if (!path.includes('node_modules/')) continue;
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const child = `node_modules/${name}`;
    if (lock.packages[child] !== undefined || lock.packages[`${path}/${child}`] !== undefined) continue;
    lock.packages[child] = platformEntry(name, version, parent);
    process.stdout.write(`added ${name} ${version}\n`);
  }
}

for (const [path, entry] of Object.entries(lock.packages))
  if (path.includes('node_modules/') && !entry.link && !entry.dev && entry.integrity === undefined)
    lock.packages[path] = withHash(path.slice(path.lastIndexOf('node_modules/') + 13), entry);

lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);

function withHash(name, { version, ...others }) {
  const { stdout } = spawnSync('npm', ['view', `${name}@${version}`, 'dist.integrity'], { encoding: 'utf8' });
  const integrity = stdout.trim();
  if (!/^sha512-[\w+/]{86}==$/.test(integrity)) throw new Error(`the registry has no hash of ${name} ${version}`);
  process.stdout.write(`hash of ${name} ${version} added\n`);
  return { version, integrity, ...others };
}

// Names end in <system>-<processor>, some followed by the C library or calling convention: linux-arm64-musl.
function platformEntry(name, version, parent) {
  const found =
    /(?:^|[/-])(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32|windows)-(\w+?)(?:-(\w+))?$/.exec(
      name,
    );
  if (found === null || !/^\d+\.\d+\.\d+/.test(version))
    throw new Error(`the platform of ${name} ${version} is unknown`);
  const [, system, processor, variant = ''] = found;
  return {
    version,
    cpu: [processors[processor] ?? processor],
    ...(parent.dev ? { dev: true } : {}),
    ...(variant.startsWith('musl') ? { libc: ['musl'] } : variant.startsWith('gnu') ? { libc: ['glibc'] } : {}),
    optional: true,
    os: [systems[system] ?? system],
  };
}
