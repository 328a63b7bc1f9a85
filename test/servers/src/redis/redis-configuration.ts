// What every Redis of the tests has in common.

export interface RedisSettings {
  readonly port: number;
  readonly directory: string;
  /** Further lines, which win over those before. */
  readonly directives?: readonly string[] | undefined;
}

export function redisConfiguration({ port, directory, directives = [] }: RedisSettings): string[] {
  return [
    'bind 127.0.0.1',
    `port ${port}`,
    `dir ${directory}`,
    'databases 16',
    'maxmemory-policy noeviction',
    // Every command is with the kernel before its reply, so that data outlive the process; nothing waits for the disk.
    'save ""',
    'appendonly yes',
    'appendfsync no',
    'auto-aof-rewrite-percentage 0',
    ...directives,
  ];
}
