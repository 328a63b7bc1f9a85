// A bucket of S3, MinIO or another server that speaks its protocol, under registry:2's keys (decision 0016).
import type { z } from 'zod';
import { parseServerUrl } from '../values/addresses.ts';
import { createSecret } from '../values/secrets.ts';
import { filePath, flag, openSection, secret, text } from '../values/values.ts';
import { chooseSecret, type SectionContext } from './context.ts';

export const s3Section = openSection(
  "A bucket of S3, MinIO or another server that speaks S3, laid out as registry:2's, whose content is used where there is some.",
  {
    bucket: text('Its name; required.'),
    region: text({
      text: 'Where the bucket is.',
      default: '`us-east-1` where `regionendpoint` is given; else required',
    }).optional(),
    regionendpoint: text({
      text: 'The server, as a URL or as `host:port`: for MinIO and all others that are not AWS.',
      default: "the region's at AWS",
    }).optional(),
    secure: flag('Speaks HTTPS where `regionendpoint` is no URL that says.').prefault('true'),
    forcepathstyle: flag({
      text: 'Names the bucket in the path of URLs and not in their host.',
      default: '`true` where `regionendpoint` is given',
    }).optional(),
    accesskey: text({ text: 'The access key.', default: '`AWS_ACCESS_KEY_ID` of the environment' }).optional(),
    secretkey: secret({
      text: 'Its secret key.',
      default: '`AWS_SECRET_ACCESS_KEY` of the environment',
    }).optional(),
    secretkeyfile: filePath('A file that holds the secret key.').optional(),
    rootdirectory: text({ text: 'Begins the name of every object.', default: 'the bucket itself' }).optional(),
    createbucket: flag('Makes the bucket if there is none.').prefault('false'),
    indexdirectory: filePath({
      text: 'The directory of the index, where there is no `redis`; it is created.',
      default: 'a directory of its own',
    }).optional(),
    usedualstack: flag("Reaches AWS over IPv6 too, where its endpoint is the region's.").prefault('false'),
    usefipsendpoint: flag("Reaches AWS at its FIPS endpoint, where its endpoint is the region's.").prefault('false'),
    encrypt: flag('Accepted for registry:2: objects are encrypted as the bucket does by default.').prefault('false'),
    keyid: text('Must be left out with `encrypt`: make the key the default of the bucket.').optional(),
    accelerate: flag('Accepted for registry:2: requests go to the ordinary endpoint.').prefault('false'),
    skipverify: flag('Must be `false`: certificates are verified.').prefault('false'),
    v4auth: flag('Must be `true`: requests are signed with version 4.').prefault('true'),
  },
);

type S3Section = z.output<typeof s3Section>;

const path = 'storage.s3';

export type S3Config = Readonly<ReturnType<typeof buildS3>>;

export function buildS3(s3: S3Section, context: SectionContext) {
  checkAccepted(s3, context);
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(s3.bucket))
    context.report(`${path}.bucket`, 'is no name of a bucket: 3 to 63 lower-case letters, digits, "." and "-"');
  const hasEndpoint = s3.regionendpoint !== undefined && s3.regionendpoint !== '';
  const region = s3.region || (hasEndpoint ? 'us-east-1' : '');
  if (region === '')
    context.report(`${path}.region`, 'is required: where the bucket is, for example eu-central-1; or regionendpoint');
  return {
    kind: 's3' as const,
    /** `https://host` or `http://host:port`: no path, no trailing slash. */
    endpoint: hasEndpoint ? endpointOf(s3, context) : awsEndpoint(region, s3),
    region,
    ...credentialsOf(s3, context),
    bucket: s3.bucket,
    /** Empty: the bucket itself. */
    rootDirectory: (s3.rootdirectory ?? '').replaceAll(/^\/+|\/+$/g, ''),
    pathStyle: s3.forcepathstyle ?? hasEndpoint,
    createBucket: s3.createbucket,
    /** Where an index of this process alone is, if it has one. */
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
        'is required, and secretkey or secretkeyfile with it; or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Roles of machines are not used',
      );
    else if (AWS_SESSION_TOKEN)
      context.report(
        `${path}.accesskey`,
        'the environment has keys that last for a session (AWS_SESSION_TOKEN), which is too short for a server: give it keys of its own',
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
      'objects are encrypted as the bucket does by default: make this key its default, and remove keyid',
    );
  else if (encrypt) context.warn(`${path}.encrypt`, 'objects are encrypted as the bucket does by default');
  if (accelerate) context.warn(`${path}.accelerate`, 'requests go to the ordinary endpoint');
  if (skipverify)
    context.report(
      `${path}.skipverify`,
      "true is not supported: name the server's authority in the variable NODE_EXTRA_CA_CERTS, or speak HTTP",
    );
  if (!v4auth) context.report(`${path}.v4auth`, 'false is not supported: requests are signed with version 4');
}
