// Creates the configuration of a one-node Ceph cluster. The cluster starts in seconds, stays small and writes only to
// its directory. Most settings shorten a wait that is useful only in a cluster of many machines.

export interface CephSettings {
  readonly directory: string;
  readonly clusterId: string;
  readonly monitorPort: number;
  /** The system's directory of Ceph's plug-ins, for example `/usr/lib/x86_64-linux-gnu`. */
  readonly libraryDirectory: string;
}

export function cephConfiguration(settings: CephSettings): string {
  const { directory, clusterId, monitorPort, libraryDirectory } = settings;
  return `[global]
fsid = ${clusterId}
mon_initial_members = a
mon_host = v2:127.0.0.1:${monitorPort}
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
keyring = ${directory}/keyring
run_dir = ${directory}
crash_dir = ${directory}
admin_socket =
log_to_file = false
log_to_stderr = false
err_to_stderr = true
log_max_recent = 500
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv4 = true
ms_bind_ipv6 = false
ms_bind_msgr1 = false
# The values that Debian compiles in are relative paths.
plugin_dir = ${libraryDirectory}/ceph
erasure_code_dir = ${libraryDirectory}/ceph/erasure-code
osd_class_dir = ${libraryDirectory}/rados-classes
# One copy on one disk.
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
# A gateway that was killed holds its buckets until these have passed.
objecter_timeout = 1
objecter_tick_interval = 0.5
client_notify_timeout = 1

[mon]
mon_data = ${directory}/mon
mon_allow_pool_size_one = true
# By default the monitor shuts down when its disk is 95 % full.
mon_data_avail_warn = 1
mon_data_avail_crit = 0
mon_cluster_log_to_file = false
paxos_propose_interval = 0.02
paxos_min_wait = 0.01

[osd]
osd_data = ${directory}/osd
osd_objectstore = bluestore
bluestore_block_size = 10737418240
# The default queue measures the disk at the start and throttles by that.
osd_op_queue = wpq
osd_memory_target = 939524096
bluestore_cache_autotune = false
bluestore_cache_size = 134217728
bluestore_debug_enforce_settings = ssd
bluestore_rocksdb_options_annex = write_buffer_size=8388608,max_write_buffer_number=4,min_write_buffer_number_to_merge=1,max_total_wal_size=67108864
osd_client_watch_timeout = 3

[client.rgw]
rgw_thread_pool_size = 64
rgw_max_notify_retries = 0
rgw_override_bucket_index_max_shards = 1
rgw_dynamic_resharding = false
rgw_enable_usage_log = false
`;
}

/** The pools of the gateway. They are created in advance, because the first requests would otherwise wait for this. */
const gatewayPools = [
  '.rgw.root',
  'default.rgw.log',
  'default.rgw.control',
  'default.rgw.meta',
  'default.rgw.buckets.index',
  'default.rgw.buckets.data',
  'default.rgw.buckets.non-ec',
];

/** Returns lines for the standard input of `ceph` that create one storage daemon and the pools. */
export function clusterCommands(storageId: string): string {
  const pools = gatewayPools.flatMap((name) => [
    `osd pool create ${name} 4`,
    `osd pool application enable ${name} rgw`,
  ]);
  return [`osd new ${storageId} 0`, ...pools, ''].join('\n');
}
