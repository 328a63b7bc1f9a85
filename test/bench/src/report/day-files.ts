// Reads and writes the committed days.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createDay, type Day, dayFileName, type DayOptions } from './day.ts';

/** Adds the figures to the day of this machine, and returns the path of its file. */
export async function recordDay(directory: string, options: Omit<DayOptions, 'earlier'>): Promise<string> {
  await mkdir(directory, { recursive: true });
  const file = join(directory, dayFileName(options));
  const earlier = await readFile(file, 'utf8').then(parse, (error: NodeJS.ErrnoException): undefined => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  await writeFile(file, `${JSON.stringify(createDay({ ...options, earlier }), null, 2)}\n`);
  return file;
}

/** Rejects if there is no day. */
export async function readDays(directory: string): Promise<Day[]> {
  const files = await readdir(directory).catch((): string[] => []);
  const names = files.filter((name) => name.endsWith('.json')).toSorted();
  if (names.length === 0)
    throw new Error(`${directory} has no figures of any day. Add a day: "npm run bench -- --record".`);
  return Promise.all(names.map(async (name) => parse(await readFile(join(directory, name), 'utf8'))));
}

function parse(text: string): Day {
  return JSON.parse(text) as Day;
}
