// The section `storage.s3`: a bucket of S3, MinIO or another compatible server, with registry:2's keys (decision 0016).
import type { z } from 'zod';
import { parseServerUrl } from '../values/addresses.ts';
import { createSecret } from '../values/secrets.ts';
import { filePath, flag, openSection, secret, text } from '../values/values.ts';
import { chooseSecret, type SectionContext } from './context.ts';

export const s3Section = openSection(
  'A bucket of S3, MinIO or another compatible server. It has the layout of registry:2, and existing content is used.',
  {
    bucket: text('The name of the bucket. Required.'),
    region: text({
      text: 'The region of the bucket.',
      default: '`us-east-1` if `regionendpoint` is set; else required',
    }).optional(),
    regionendpoint: text({
      text: 'The server as a URL or `host:port`, for MinIO and all other servers than AWS.',
      default: 'the AWS endpoint of the region',
    }).optional(),
    secure: flag('Uses HTTPS if `regionendpoint` has no scheme.').prefault('true'),
    forcepathstyle: flag({
      text: 'Puts the bucket into the path of URLs instead of their host.',
      default: '`true` if `regionendpoint` is set',
    }).optional(),
    accesskey: text({ text: 'The access key.', default: 'the environment variable `AWS_ACCESS_KEY_ID`' }).optional(),
    secretkey: secret({
      text: 'The secret key.',
      default: 'the environment variable `AWS_SECRET_ACCESS_KEY`',
    }).optional(),
    secretkeyfile: filePath('A file with the secret key.').optional(),
    rootdirectory: text({ text: 'The prefix of every key.', default: 'no prefix' }).optional(),
    createbucket: flag('Creates the bucket if it does not exist.').prefault('false'),
    indexdirectory: filePath({
      text: 'The directory of the index of a node without `redis`. It is created.',
      default: "Cistern's own directory",
    }).optional(),
    usedualstack: flag('Uses the AWS endpoint with IPv6 and IPv4. It has no effect with `regionendpoint`.').prefault(
      'false',
    ),
    usefipsendpoint: flag('Uses the FIPS endpoint of AWS. It has no effect with `regionendpoint`.').prefault('false'),
    encrypt: flag("Accepted for registry:2, without effect: the bucket's default encryption applies.").prefault(
      'false',
    ),
    keyid: text('Must be unset if `encrypt` is `true`. Make this key the default of the bucket instead.').optional(),
    accelerate: flag('Accepted for registry:2, without effect: requests use the ordinary endpoint.').prefault('false'),
    skipverify: flag('Must be `false`, because certificates are always verified.').prefault('false'),
    v4auth: flag('Must be `true`, because requests are always signed with version 4.').prefault('true'),
  },
);

type S3Section = z.output<typeof s3Section>;

const path = 'storage.s3';

export type S3Config = Readonly<ReturnType<typeof buildS3>>;

export function buildS3(s3: S3Section, context: SectionContext) {
  checkAccepted(s3, context);
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(s3.bucket))
    context.report(`${path}.bucket`, 'is not a valid bucket name: use 3 to 63 lower-case letters, digits, "." and "-"');
  const hasEndpoint = s3.regionendpoint !== undefined && s3.regionendpoint !== '';
  const region = s3.region || (hasEndpoint ? 'us-east-1' : '');
  if (region === '')
    context.report(
      `${path}.region`,
      'is required (or regionendpoint): the region of the bucket, for example eu-central-1',
    );
  return {
    kind: 's3' as const,
    /** `https://host` or `http://host:port`, without a path or a trailing slash. */
    endpoint: hasEndpoint ? endpointOf(s3, context) : awsEndpoint(region, s3),
    region,
    ...credentialsOf(s3, context),
    bucket: s3.bucket,
    /** The prefix of all keys, without slashes at its ends. Empty means no prefix. */
    rootDirectory: (s3.rootdirectory ?? '').replaceAll(/^\/+|\/+$/g, ''),
    pathStyle: s3.forcepathstyle ?? hasEndpoint,
    createBucket: s3.createbucket,
    /** The directory for the index of this process. It is not used if the index is in Redis. */
    indexDirectory: s3.indexdirectory ?? context.defaults.rootDirectory,
  };
}

function endpointOf({ regionendpoint = '', secure }: S3Section, context: SectionContext): string {
  try {
    const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(regionendpoint);
    return parseServerUrl(hasScheme ? regionendpoint : `${secure ? 'https' : 'http'}://${regionendpoint}`);
  } catch (error) {
    context.report(`${path}.regionendpoint`, (error as Error).message);
    return '';
  }
}

function awsEndpoint(region: string, { secure, usefipsendpoint, usedualstack }: S3Section): string {
  const service = `s3${usefipsendpoint ? '-fips' : ''}${usedualstack ? '.dualstack' : ''}`;
  return `${secure ? 'https' : 'http'}://${service}.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

function credentialsOf(s3: S3Section, context: SectionContext) {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = context.env;
  const secretKey = chooseSecret(context, `${path}.secretkey`, { value: s3.secretkey, file: s3.secretkeyfile });
  const none = createSecret('');
  if (!s3.accesskey && !secretKey?.reveal() && s3.secretkeyfile === undefined) {
    if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY)
      context.report(
        `${path}.accesskey`,
        'is required, together with secretkey or secretkeyfile; or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Instance roles are not supported',
      );
    else if (AWS_SESSION_TOKEN)
      context.report(
        `${path}.accesskey`,
        'the environment has temporary keys (AWS_SESSION_TOKEN), which expire too soon for a server: use permanent keys',
      );
    return { accessKey: AWS_ACCESS_KEY_ID ?? '', secretKey: createSecret(AWS_SECRET_ACCESS_KEY ?? '') };
  }
  if (!s3.accesskey) context.report(`${path}.accesskey`, 'is required together with the secret key');
  else if (!secretKey?.reveal()) context.report(`${path}.secretkey`, 'is required together with accesskey');
  return { accessKey: s3.accesskey ?? '', secretKey: secretKey ?? none };
}

function checkAccepted({ encrypt, keyid, accelerate, skipverify, v4auth }: S3Section, context: SectionContext): void {
  if (encrypt && keyid)
    context.report(
      `${path}.keyid`,
      "the bucket's default encryption applies: make this key the default of the bucket, and remove keyid",
    );
  else if (encrypt) context.warn(`${path}.encrypt`, "has no effect: the bucket's default encryption applies");
  if (accelerate) context.warn(`${path}.accelerate`, 'has no effect: requests use the ordinary endpoint');
  if (skipverify)
    context.report(
      `${path}.skipverify`,
      "true is not supported: add the server's CA certificate with the variable NODE_EXTRA_CA_CERTS, or use HTTP",
    );
  if (!v4auth)
    context.report(
      `${path}.v4auth`,
      'false is not supported, because requests are always signed with version 4: remove it',
    );
}
