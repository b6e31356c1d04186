// Runs CloudFront Functions' code for the embedded edge: one JSON request a line on stdin, one answer a line on stdout.
// The module `cloudfront` is provided as documented for viewer-request functions with runtime cloudfront-js-2.0:
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/helper-functions-origin-modification.html
'use strict';
const vm = require('node:vm');
const readline = require('node:readline');

const compiled = new Map();

function compile(code) {
  let known = compiled.get(code);
  if (known) return known;
  const script = code.replace(/^\s*import\s+cf\s+from\s+['"]cloudfront['"];?/m, '');
  if (/^\s*import\s/m.test(script)) throw new Error('only the module cloudfront can be imported');
  const context = vm.createContext({ console: { log() {} } }, { codeGeneration: { strings: false, wasm: false } });
  known = { context, script: new vm.Script(`'use strict';\n${script}\n;handler`) };
  compiled.set(code, known);
  return known;
}

async function run(message) {
  const { context, script } = compile(message.code);
  let origin = null;
  context.cf = {
    kvs: (id) => {
      if (id !== undefined && id !== message.store) throw new Error(`key value store ${id} is not associated`);
      if (!message.store) throw new Error('no key value store is associated with the function');
      return {
        async get(key, options) {
          if (!(key in message.keys)) throw new Error('KeyNotFound');
          const value = message.keys[key];
          return options && options.format === 'json' ? JSON.parse(value) : value;
        },
        async exists(key) { return key in message.keys; },
        async meta() { return { keyCount: Object.keys(message.keys).length }; },
        async count() { return Object.keys(message.keys).length; },
      };
    },
    updateRequestOrigin(changes) { origin = { update: changes }; },
    selectRequestOriginById(id) { origin = { select: id }; },
  };
  const handler = script.runInContext(context, { timeout: 100 });
  const result = await handler(message.event);
  return { result, origin };
}

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const message = JSON.parse(line);
  let answer;
  try {
    answer = { id: message.id, ...(await run(message)) };
  } catch (error) {
    answer = { id: message.id, error: String((error && error.message) || error) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
});
