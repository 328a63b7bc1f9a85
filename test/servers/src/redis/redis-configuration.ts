// Creates the configuration that all Redis servers of the tests share.

export interface RedisSettings {
  readonly port: number;
  readonly directory: string;
  /** Further lines, which override the earlier ones. */
  readonly directives?: readonly string[] | undefined;
}

export function redisConfiguration({ port, directory, directives = [] }: RedisSettings): string[] {
  return [
    'bind 127.0.0.1',
    `port ${port}`,
    `dir ${directory}`,
    'databases 16',
    'maxmemory-policy noeviction',
    // Redis writes each command to the append-only file before the reply, so data survive a killed process. No command
    // waits for the disk.
    'save ""',
    'appendonly yes',
    'appendfsync no',
    'auto-aof-rewrite-percentage 0',
    ...directives,
  ];
}
