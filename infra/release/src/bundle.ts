// Bundles the command line and its libraries into a few JavaScript files. Native code stays outside.
import { cp, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';

/** npm packages that are not bundled, because they have native code. */
export const nativePackages = ['bcrypt'] as const;

/** Files that become JavaScript files of their own. The second one runs in a thread. */
const entryPoints = {
  main: 'services/cli/src/main.ts',
  'hash-thread': 'libs/fills/src/fill/hash-thread.ts',
};

/** Directories whose files the product reads at run time, by their names beside the JavaScript files. */
const readAtRunTime = {
  scripts: 'libs/index/src/redis/scripts',
  page: 'services/admin/src/console/page',
};

/**
 * Expressions that find files or packages relative to their source file. A bundle has other paths, so these expressions
 * are replaced. A replacement `undefined` keeps the expression.
 */
const runTimePaths: readonly (readonly [pattern: RegExp, replacement: string | undefined])[] = [
  [/createRequire\(import\.meta\.url\)\(('[^']+')\)/g, 'require($1)'],
  [/new URL\('\.\/hash-thread\.ts', import\.meta\.url\)/g, `new URL('./hash-thread.js', import.meta.url)`],
  [/new URL\('\.\.\/lit-html\.js', import\.meta\.resolve\('lit-html'\)\)/g, `new URL('vendor/lit-html.js', page)`],
  [/new URL\(`scripts\/\$\{name\}\.lua`, import\.meta\.url\)/g, undefined],
  [/new URL\('page\/', import\.meta\.url\)/g, undefined],
];

/**
 * Writes the bundle of the clone `root` to `directory`. Resolves to the directories of the bundled npm packages, relative
 * to `root`. Rejects if a source file uses `import.meta` in a way that does not work in a bundle.
 */
export async function bundle(root: string, directory: string): Promise<readonly string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints,
    outdir: directory,
    bundle: true,
    splitting: true,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node26',
    external: [...nativePackages],
    keepNames: true,
    // As Node does, keeps each import that is not a type. tsconfig.json is not part of every build.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    // Licences have a file of their own.
    legalComments: 'none',
    logLevel: 'warning',
    // Bundled CommonJS packages call `require` for the modules of Node.
    banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
    plugins: [rewriteSources(root)],
  });
  checkDynamicImports(metafile);
  for (const [name, from] of Object.entries(readAtRunTime))
    await cp(join(root, from), join(directory, name), {
      recursive: true,
      filter: (path) => !/\.d\.ts$|tsconfig\.json$|\/vendor$/.test(path),
    });
  await cp(join(root, 'node_modules/lit-html/lit-html.js'), join(directory, 'page/vendor/lit-html.js'));
  return packagesOf(Object.keys(metafile.inputs));
}

/**
 * esbuild gives an importer of a CommonJS package only its default export. Node gives it the names, too. A package
 * with ECMAScript modules has its names already.
 */
const packageImports = /await import\('(?!node:|@cistern\/|\.)([^']+)'\)/g;
const withNames = "await import('$1').then((module) => ({ ...module.default, ...module }))";

function rewriteSources(root: string): Plugin {
  return {
    name: 'rewrite-sources',
    setup({ onLoad }) {
      onLoad({ filter: /\/(libs|services)\/.*\.ts$/ }, async ({ path }) => {
        const source = await readFile(path, 'utf8');
        const contents = runTimePaths.reduce((text, [pattern, to]) => text.replaceAll(pattern, to ?? '$&'), source);
        const rest = runTimePaths.reduce((text, [pattern]) => text.replaceAll(pattern, ''), source);
        if (/import\.meta\.(?!main)/.test(rest.replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '')))
          throw new Error(`${relative(root, path)} uses import.meta. infra/release/src/bundle.ts must replace it.`);
        return { contents: contents.replaceAll(packageImports, withNames), loader: 'ts' };
      });
    },
  };
}

/** Throws an Error if a package imports CommonJS dynamically, because only imports of our sources are rewritten. */
function checkDynamicImports({ inputs }: Metafile): void {
  for (const [file, { imports }] of Object.entries(inputs))
    for (const { path, kind } of imports)
      if (file.includes('node_modules/') && kind === 'dynamic-import' && inputs[path]?.format === 'cjs')
        throw new Error(`${file} imports ${path}, which is CommonJS. infra/release/src/bundle.ts does not rewrite it.`);
}

/** Returns the directories of the npm packages that contain `files`, without duplicates. */
function packagesOf(files: readonly string[]): string[] {
  const directories = files.map((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  return [...new Set(directories.filter((directory) => directory !== undefined))].toSorted();
}
