// Chooses the site for every viewer request, by the key `mode` of the key-value store (runtime cloudfront-js-2.0).
//   aws          the behaviour's own origin, the load balancer
//   azure        the gateway in `azureHost`: a name (plain HTTP) or https:// and a name
//   maintenance  a 503 made here, for every path and method: no write is taken and then lost
// The runbook writes the keys; Pulumi creates them and ignores their values. What cannot be read or makes no sense is
// answered like maintenance: a site chosen by guess could be the fenced one.
import cf from 'cloudfront';

var PAGE =
  '<!doctype html><html lang="ko"><head><meta charset="utf-8">' +
  '<meta name="viewport" content="width=device-width,initial-scale=1"><meta http-equiv="refresh" content="15">' +
  '<title>시스템 점검 중입니다</title><style>:root{color-scheme:light dark}body{font:17px/1.6 system-ui,sans-serif;' +
  'margin:0;min-height:100vh;display:grid;place-items:center;text-align:center}main{padding:24px}' +
  '</style></head><body><main><h1>시스템 점검 중입니다</h1><p>잠시 후 자동으로 다시 연결됩니다.</p>' +
  '<p lang="en">We are under maintenance. This page reconnects by itself.</p></main></body></html>';
var GATEWAY = /^(https:\/\/)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/;
var READS = ['GET', 'HEAD', 'OPTIONS'];

function maintenance() {
  return {
    statusCode: 503,
    statusDescription: 'Service Unavailable',
    headers: {
      'content-type': { value: 'text/html; charset=utf-8' },
      'cache-control': { value: 'no-store' },
      'retry-after': { value: '15' },
      'strict-transport-security': { value: 'max-age=31536000' },
      'x-content-type-options': { value: 'nosniff' },
      'x-frame-options': { value: 'DENY' },
    },
    body: { encoding: 'text', data: PAGE },
  };
}

function toGateway(request, host) {
  if (!GATEWAY.test(host)) return maintenance();
  var secure = host.indexOf('https://') === 0;
  cf.updateRequestOrigin({
    domainName: secure ? host.slice(8) : host,
    // What is not given is inherited from the load balancer: its secret is not Azure's to know.
    customHeaders: {},
    customOriginConfig: {
      port: secure ? 443 : 80,
      protocol: secure ? 'https' : 'http',
      sslProtocols: ['TLSv1.2'],
    },
  });
  return request;
}

async function handler(event) {
  var request = event.request;
  var store = cf.kvs();
  var mode;
  try {
    mode = await store.get('mode');
  } catch (error) {
    // Nobody knows who serves. A page may come from where the behaviour points (if that is dead, the custom error
    // response shows the maintenance page); a write may not, since AWS could be the fenced site.
    return READS.indexOf(request.method) >= 0 ? request : maintenance();
  }
  if (mode === 'aws') return request;
  if (mode !== 'azure') return maintenance();
  try {
    return toGateway(request, await store.get('azureHost'));
  } catch (error) {
    return maintenance();
  }
}
