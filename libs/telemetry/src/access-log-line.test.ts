// docker-registry 2.8.3 printed the expected lines of the access log for the same requests. Only the redacted query values
// differ.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AccessLogFacts, formatAccessLogLine } from './access-log-line.ts';

const latin1 = (text: string): string => Buffer.from(text).toString('latin1');

const facts: AccessLogFacts = {
  clientIp: '127.0.0.1',
  startedAtMs: new Date(2026, 10, 4, 9, 3, 49).getTime(),
  method: 'GET',
  url: '/v2/library/x/manifests/latest',
  protocol: 'HTTP/1.1',
  status: 404,
  bytesSent: 96,
};

const afterTime = (line: string): string => line.slice(line.indexOf(']') + 2);

test('a line without referer and user agent has the combined log format of registry:2', () => {
  assert.match(
    formatAccessLogLine(facts),
    /^127\.0\.0\.1 - - \[04\/Nov\/2026:09:03:49 [+-]\d{4}\] "GET \/v2\/library\/x\/manifests\/latest HTTP\/1\.1" 404 96 "" ""$/,
  );
});

test('a line has the local time with its offset from UTC', (t) => {
  const zone = process.env['TZ'];
  t.after(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });
  const startedAtMs = Date.UTC(2026, 10, 4, 9, 3, 50);
  process.env['TZ'] = 'Asia/Kolkata';
  assert.match(formatAccessLogLine({ ...facts, startedAtMs }), /\[04\/Nov\/2026:14:33:50 \+0530\]/);
  process.env['TZ'] = 'America/St_Johns';
  assert.match(formatAccessLogLine({ ...facts, startedAtMs: startedAtMs + 1000 }), /\[04\/Nov\/2026:05:33:51 -0330\]/);
});

test('quotes, backslashes, tabs and invalid UTF-8 bytes are escaped', () => {
  const line = formatAccessLogLine({
    ...facts,
    url: latin1('/v2/é"x\\?a="b"'),
    bytesSent: 19,
    referer: 'http://r/?a="b"',
    userAgent: `ag"e\\nt\ttab ${latin1('é')} \xff\xc3 end`,
  });
  assert.equal(
    afterTime(line),
    String.raw`"GET /v2/é\"x\\?a=\"b\" HTTP/1.1" 404 19 "http://r/?a=\"b\"" "ag\"e\\nt\ttab é \xff\xc3 end"`,
  );
});

test('unprintable characters are escaped', () => {
  const line = formatAccessLogLine({
    ...facts,
    url: '/v2/x',
    bytesSent: 19,
    userAgent: latin1('\u00a0 \u200b 😀 \ue000'),
  });
  assert.equal(afterTime(line), String.raw`"GET /v2/x HTTP/1.1" 404 19 "" "\u00a0 \u200b 😀 \ue000"`);
});

test('tokens in the query and in the referer are redacted', () => {
  const line = formatAccessLogLine({
    ...facts,
    url: '/v2/?ns=quay.io&token=s3cret',
    referer: 'https://me:s3cret@host/',
  });
  assert.doesNotMatch(line, /s3cret/);
  assert.match(line, /"GET \/v2\/\?ns=quay\.io&token=\[redacted\] HTTP/);
});

test('a line has the known user, and a dash for an unknown address', () => {
  assert.match(formatAccessLogLine({ ...facts, clientIp: '', user: 'b ob"' }), /^- - b ob\\" \[/);
});
