// Chooses the site for every viewer request, by the key `mode` of the key-value store (runtime cloudfront-js-2.0).
//   aws          the behaviour's own origin, the load balancer
//   azure        the gateway whose name is in `azureHost`
//   maintenance  a 503 made here, for every path and method: no write is taken and then lost
// The runbook writes the keys; Pulumi creates them and ignores their values.
import cf from 'cloudfront';

var PAGE =
  '<!doctype html><html lang="ko"><head><meta charset="utf-8">' +
  '<meta name="viewport" content="width=device-width,initial-scale=1"><meta http-equiv="refresh" content="15">' +
  '<title>시스템 점검 중입니다</title><style>:root{color-scheme:light dark}body{font:17px/1.6 system-ui,sans-serif;' +
  'margin:0;min-height:100vh;display:grid;place-items:center;text-align:center}main{padding:24px}' +
  '</style></head><body><main><h1>시스템 점검 중입니다</h1><p>잠시 후 자동으로 다시 연결됩니다.</p>' +
  '<p lang="en">We are under maintenance. This page reconnects by itself.</p></main></body></html>';

function maintenance() {
  return {
    statusCode: 503,
    statusDescription: 'Service Unavailable',
    headers: {
      'content-type': { value: 'text/html; charset=utf-8' },
      'cache-control': { value: 'no-store' },
      'retry-after': { value: '15' },
    },
    body: { encoding: 'text', data: PAGE },
  };
}

async function handler(event) {
  var store = cf.kvs();
  var mode;
  try {
    mode = await store.get('mode');
  } catch (error) {
    // Without the key nobody has fenced AWS off: keep serving from where the behaviour points. If that is
    // dead, the custom error response shows the maintenance page.
    return event.request;
  }
  if (mode === 'aws') return event.request;
  if (mode === 'azure') {
    var host = await store.get('azureHost');
    if (!host || host === 'none') return maintenance();
    cf.updateRequestOrigin({
      domainName: host,
      customOriginConfig: { port: 80, protocol: 'http', sslProtocols: ['TLSv1.2'] },
    });
    return event.request;
  }
  // `maintenance`, or a value nobody knows: a site chosen by guess could be the fenced one.
  return maintenance();
}
