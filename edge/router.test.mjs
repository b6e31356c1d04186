// The router in every mode and method, in Node's own test runner: node --test edge/
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import vm from 'node:vm';

const source = readFileSync(new URL('./router.js', import.meta.url), 'utf8');
const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'];

async function route(keys, method = 'GET') {
  const updates = [];
  const cf = {
    kvs: () => ({
      async get(key) {
        if (!(key in keys)) throw new Error('KeyNotFound');
        return keys[key];
      },
    }),
    updateRequestOrigin: (change) => updates.push(change),
  };
  const handler = vm.runInNewContext(source.replace(/^import .*$/m, '') + ';handler', { cf });
  const request = { method, uri: '/api/visits', headers: {}, querystring: {}, cookies: {} };
  return { request, updates, result: await handler({ version: '1.0', request }) };
}

test('is small enough for CloudFront', () => assert.ok(Buffer.byteLength(source) < 10 * 1024));

for (const method of METHODS) {
  test(`aws: ${method} goes to the behaviour's own origin`, async () => {
    const { request, result, updates } = await route({ mode: 'aws' }, method);
    assert.equal(result, request);
    assert.deepEqual(updates, []);
  });

  test(`azure: ${method} goes to the gateway`, async () => {
    const { request, result, updates } = await route({ mode: 'azure', azureHost: 'x.cloudapp.azure.com' }, method);
    assert.equal(result, request);
    assert.equal(updates.length, 1);
    assert.equal(updates[0].domainName, 'x.cloudapp.azure.com');
  });

  test(`maintenance: ${method} is answered 503 and reaches no origin`, async () => {
    const { result, updates } = await route({ mode: 'maintenance' }, method);
    assert.equal(result.statusCode, 503);
    assert.equal(result.headers['retry-after'].value, '15');
    assert.match(result.body.data, /시스템 점검 중입니다/);
    assert.ok(result.body.data.indexOf('시스템') < result.body.data.indexOf('maintenance'));
    assert.deepEqual(updates, []);
  });

  test(`unknown mode: ${method} is not sent to a site chosen by guess`, async () => {
    const { result } = await route({ mode: 'gcp' }, method);
    assert.equal(result.statusCode, 503);
  });
}

test('azure without a gateway shows maintenance', async () => {
  assert.equal((await route({ mode: 'azure', azureHost: 'none' })).result.statusCode, 503);
});

test('without the key the behaviour decides', async () => {
  const { request, result } = await route({});
  assert.equal(result, request);
});
