// The functions of the edge in every mode and method, in Node's own test runner: node --test edge/
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import vm from 'node:vm';

const read = (name) => readFileSync(new URL(`./${name}`, import.meta.url), 'utf8');
const source = read('router.js');
const READS = ['GET', 'HEAD', 'OPTIONS'];
const WRITES = ['POST', 'PUT', 'PATCH', 'DELETE'];
const METHODS = [...READS, ...WRITES];
const HOST = 'planb-blue.h4sh.koreacentral.cloudapp.azure.com';
const BROKEN = Symbol('the store does not answer');

function load(code, cf) {
  // As CloudFront has it: no require, no eval, no timers, no network.
  const context = vm.createContext({ cf }, { codeGeneration: { strings: false, wasm: false } });
  return vm.runInContext(`'use strict';${code.replace(/^import .*$/m, '')};handler`, context);
}

async function route(keys, method = 'GET') {
  const updates = [];
  const cf = {
    kvs: () => ({
      async get(key) {
        if (keys[key] === BROKEN) throw new Error('ServiceUnavailable');
        if (!(key in keys)) throw new Error('KeyNotFound');
        return keys[key];
      },
    }),
    updateRequestOrigin: (change) => updates.push(JSON.parse(JSON.stringify(change))),
  };
  const request = { method, uri: '/api/visits', headers: {}, querystring: {}, cookies: {} };
  return { request, updates, result: await load(source, cf)({ version: '1.0', request }) };
}

function refused({ result, updates }) {
  assert.equal(result.statusCode, 503);
  assert.equal(result.headers['retry-after'].value, '15');
  assert.deepEqual(updates, [], 'no origin is asked');
}

test('is small enough for CloudFront, and one import only', () => {
  assert.ok(Buffer.byteLength(source) < 10 * 1024);
  assert.deepEqual(source.match(/^import .*$/gm), ["import cf from 'cloudfront';"]);
});

test('uses nothing that cloudfront-js-2.0 does not have', () => {
  // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-javascript-runtime-20.html
  for (const code of [source, read('health.js')])
    assert.doesNotMatch(code, /\b(eval|Function|setTimeout|setInterval|fetch|require|class|process)\b|\?\.|\?\?|=>.*await/);
});

for (const method of METHODS) {
  test(`aws: ${method} goes to the behaviour's own origin`, async () => {
    const { request, result, updates } = await route({ mode: 'aws' }, method);
    assert.equal(result, request);
    assert.deepEqual(updates, []);
  });

  test(`azure: ${method} goes to the gateway, without the load balancer's secret`, async () => {
    const { request, result, updates } = await route({ mode: 'azure', azureHost: HOST }, method);
    assert.equal(result, request);
    assert.deepEqual(updates, [
      {
        domainName: HOST,
        customHeaders: {},
        customOriginConfig: { port: 80, protocol: 'http', sslProtocols: ['TLSv1.2'] },
      },
    ]);
  });

  test(`azure: ${method} goes by TLS to a gateway that has a certificate`, async () => {
    const { request, result, updates } = await route({ mode: 'azure', azureHost: 'https://gw.example.com' }, method);
    assert.equal(result, request);
    assert.equal(updates[0].domainName, 'gw.example.com');
    assert.deepEqual(updates[0].customOriginConfig, { port: 443, protocol: 'https', sslProtocols: ['TLSv1.2'] });
  });

  test(`maintenance: ${method} is answered 503 and reaches no origin`, async () => {
    const answer = await route({ mode: 'maintenance', azureHost: HOST }, method);
    refused(answer);
    const { headers, body } = answer.result;
    assert.match(body.data, /시스템 점검 중입니다/);
    assert.ok(body.data.indexOf('시스템') < body.data.indexOf('maintenance'));
    assert.equal(headers['cache-control'].value, 'no-store');
    assert.match(headers['strict-transport-security'].value, /max-age=\d{8}/);
  });

  for (const mode of ['gcp', '', 'AWS', ' aws', 'aws\n', 'true', '__proto__']) {
    test(`unknown mode ${JSON.stringify(mode)}: ${method} is not sent to a site chosen by guess`, async () => {
      refused(await route({ mode, azureHost: HOST }, method));
    });
  }

  for (const azureHost of [
    'none', '', ' ', 'localhost', '10.0.0.1', 'http://gw.example.com', 'https://', 'https://none', 'a b.example.com',
    'gw.example.com/path', 'gw.example.com:8080', 'user@gw.example.com', 'https://https://gw.example.com', '-a.example.com',
    undefined, BROKEN,
  ]) {
    test(`azure at ${String(azureHost)}: ${method} shows maintenance`, async () => {
      const keys = azureHost === undefined ? { mode: 'azure' } : { mode: 'azure', azureHost };
      refused(await route(keys, method));
    });
  }
}

for (const keys of [{}, { mode: BROKEN }]) {
  const why = 'mode' in keys ? 'the store does not answer' : 'the key is missing';
  for (const method of READS)
    test(`${why}: ${method} goes where the behaviour points`, async () => {
      const { request, result, updates } = await route(keys, method);
      assert.equal(result, request);
      assert.deepEqual(updates, []);
    });
  for (const method of WRITES)
    test(`${why}: ${method} is refused, since AWS could be the fenced site`, async () => {
      refused(await route(keys, method));
    });
}

test('the probe asks for the health of the application and nothing else', () => {
  const request = { method: 'GET', uri: '/planb/health/aws', querystring: { a: { value: 'b' } }, headers: {} };
  const result = load(read('health.js'), undefined)({ request });
  assert.equal(result.uri, '/actuator/health');
  assert.deepEqual(Object.keys(result.querystring), []);
  assert.ok(Buffer.byteLength(read('health.js')) < 1024);
});
