#!/bin/sh
# Makes vendor/ anew from npm: the browser's part of the playground, unchanged, with the licenses of all that is in it.
# Needs npm. Afterwards run: go test ./internal/web
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# graphql-ws and the font are inside of graphiql's files; they are installed for their licenses only.
npm install --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error \
  graphiql@4.1.2 @graphiql/plugin-explorer@4.0.6 react@18.3.1 react-dom@18.3.1 \
  graphql-ws@5.16.2 @fontsource/fira-code@5.0.0

rm -rf vendor
mkdir vendor
from="$work/node_modules"
cp "$from/react/umd/react.production.min.js" vendor/
cp "$from/react-dom/umd/react-dom.production.min.js" vendor/
cp "$from/graphiql/graphiql.min.js" "$from/graphiql/graphiql.min.css" vendor/
cp "$from/@graphiql/plugin-explorer/dist/index.umd.js" vendor/plugin-explorer.js
cp "$from/@graphiql/plugin-explorer/dist/style.css" vendor/plugin-explorer.css
chmod 644 vendor/*

# What graphiql.min.js was bundled from stands in its source map. Packages with the same text share it.
FROM="$from" node > vendor/LICENSES.txt <<'NODE'
const fs = require("fs"), path = require("path");
const from = process.env.FROM;
const map = JSON.parse(fs.readFileSync(path.join(from, "graphiql/graphiql.min.js.map"), "utf8"));
const bundled = map.sources.filter((source) => source.includes("node_modules/"))
  .map((source) => source.split("node_modules/").pop().match(/^(@[^/]+\/)?[^/]+/)[0]);
const names = new Set([...bundled, "graphiql", "@graphiql/react", "@graphiql/toolkit", "graphql-language-service",
  "codemirror-graphql", "@graphiql/plugin-doc-explorer", "@graphiql/plugin-history", "@graphiql/plugin-explorer",
  "graphiql-explorer", "scheduler", "@fontsource/fira-code"]);

// Newer versions of a package may have moved or dropped what was bundled; a scope's packages share a license.
const installed = fs.readdirSync(from, { recursive: true }).filter((entry) => entry.endsWith("package.json"))
  .map((entry) => path.dirname(entry)).sort((a, b) => a.length - b.length);
const find = (name) => installed.find((folder) => folder === name || folder.endsWith(`node_modules/${name}`)) ||
  installed.find((folder) => name.startsWith("@") && folder.startsWith(`${name.split("/")[0]}/`));
const byText = new Map();
for (const name of [...names].sort()) {
  if (!find(name)) throw new Error(`${name} is bundled, but not installed: where is its license?`);
  const folder = path.join(from, find(name));
  const file = fs.readdirSync(folder).find((entry) => /^licen[sc]e/i.test(entry));
  const declared = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8")).license;
  // The few without a file come from the repository of graphiql or of react, whose texts are here.
  const text = file ? fs.readFileSync(path.join(folder, file), "utf8").replace(/[ \t\r]+$/gm, "").trim()
    : `${declared}; the package has no license file of its own.`;
  byText.set(text, [...(byText.get(text) || []), name]);
}
console.log("The files beside this one are npm packages, unchanged, and hold these packages under these licenses.");
console.log("The font Roboto in graphiql.min.css is Google's, under the Apache License 2.0, whose text stands below.");
for (const [text, sharing] of byText) {
  console.log(`\n${"=".repeat(80)}\n${sharing.join("\n")}\n${"-".repeat(80)}\n${text}`);
}
NODE
