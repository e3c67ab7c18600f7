// npm ci && npm run build: writes frameworks.js and LICENSES.txt beside this file.
import { build } from 'esbuild';
import { compile } from 'svelte/compiler';
import { transformAsync } from '@babel/core';
import solid from 'babel-preset-solid';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';

const sources = {
  name: 'svelte and solid',
  setup(b) {
    b.onLoad({ filter: /\.svelte$/ }, ({ path }) => {
      const { js } = compile(readFileSync(path, 'utf8'), { filename: path, generate: 'client', css: 'injected' });
      return { contents: js.code, loader: 'js' };
    });
    b.onLoad({ filter: /solid\.jsx$/ }, async ({ path }) => {
      const { code } = await transformAsync(readFileSync(path, 'utf8'),
        { presets: [solid], filename: path, babelrc: false, configFile: false });
      return { contents: code, loader: 'js' };
    });
  },
};

const { metafile } = await build({
  entryPoints: ['src/main.js'], outfile: 'frameworks.js', bundle: true, minify: true, format: 'iife', target: 'es2022',
  jsx: 'automatic', plugins: [sources], metafile: true, legalComments: 'eof', conditions: ['browser', 'production'],
  define: { 'process.env.NODE_ENV': '"production"', __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false' },
});

// The bundle holds code of these packages, so their licences go along.
const [output] = Object.values(metafile.outputs);
const names = Object.entries(output.inputs).filter(([, use]) => use.bytesInOutput)
  .map(([path]) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]).filter(Boolean);
const parts = [...new Set(names)].sort().map(name => {
  const folder = `node_modules/${name}`, { version, license } = JSON.parse(readFileSync(`${folder}/package.json`));
  if (!['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0'].includes(license)) throw Error(`${name}: ${license}`);
  const file = existsSync(folder) && readdirSync(folder).find(f => /^licen[cs]e/i.test(f));
  const text = file ? readFileSync(`${folder}/${file}`, 'utf8').trim() : '(the package has no licence file)';
  return `${name} ${version}, ${license}\n\n${text}\n`;
});
writeFileSync('LICENSES.txt', 'frameworks.js contains code of these packages.\n\n' + parts.join('\n' + '-'.repeat(80) + '\n\n'));
console.log(`frameworks.js: ${output.bytes} bytes, ${parts.length} packages`);
