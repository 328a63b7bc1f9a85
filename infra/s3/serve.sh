#!/bin/sh
# Runs the S3 server of docker-compose.yml. Nodes get an account with access only to their bucket. The root account
# stays here.
set -eu
export MC_HOST_local="http://$MINIO_ROOT_USER:$(cat "$MINIO_ROOT_PASSWORD_FILE")@127.0.0.1:9000"

make_account() {
  mc --quiet mb --ignore-existing local/cistern &&
    printf '%s\n%s\n' cistern "$(cat /run/secrets/cistern/s3-secret-key)" | mc --quiet admin user add local &&
    mc --quiet admin policy create local cistern /etc/s3/policy.json &&
    mc --quiet admin policy attach local cistern --user cistern
}

# The account is updated at every start, because the secret and the policy may have changed. Until then the container is
# not healthy.
{
  until make_account; do sleep 1; done
  touch /tmp/account-made
} &
unset MC_HOST_local
exec docker-entrypoint.sh server /data
