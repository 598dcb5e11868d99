#!/usr/bin/env node
'use strict';

/**
 * A small router for HTTP requests.
 * @module router
 */

import { createServer } from 'node:http';
import * as path from 'node:path';
import defaults from './defaults.js';
import './polyfills.js';

const legacy = require('./legacy');
const { parse } = require('querystring');

export * from './errors.js';
export { Route as Path } from './route.js';

const METHODS = ['GET', 'POST', 'PUT', 'DELETE'];
export const limits = { body: 1024 * 1024, headers: 100 };
let counter = 0;

/** Joins the parts of a path, without doubled slashes. */
export const join = (...parts) => parts.join('/').replace(/\/{2,}/g, '/');

const escape = function (text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
};

/**
 * Turns a pattern such as `/users/:id` into a regular expression.
 */
function compile(pattern) {
  const names = [];
  const replace = (whole, name) => {
    names.push(name);
    return '([^/]+)';
  };
  const source = escape(pattern).replace(/:(\w+)/g, replace);
  return { names, regex: new RegExp(`^${source}$`) };
}

export function* routes(table) {
  for (const [name, handler] of Object.entries(table)) {
    yield { name, handler };
  }
}

/** Finds the handler of a request. */
export class Router extends EventTarget {
  static #instances = 0;
  prefix = '';

  // Bound once, for it is handed out as a listener.
  handle = async (request, response) => {
    const route = this.match(request.method, request.url);
    if (!route) {
      response.writeHead(404).end();
      return;
    }
    await route.handler(request, response);
  };

  static create(options = {}) {
    return Object.assign(new Router(), defaults, options);
  }

  constructor() {
    super();
    Router.#instances += 1;
    this.table = new Map();
  }

  get size() {
    return this.table.size;
  }

  match(method, url) {
    const { pathname } = new URL(url, 'http://localhost');
    for (const [key, { names, regex, handler }] of this.table) {
      const found = key.startsWith(method) && regex.exec(pathname);
      if (found) return { handler, names, values: found.slice(1) };
    }
    return undefined;
  }

  #register(method, pattern, handler) {
    this.table.set(`${method} ${pattern}`, { ...compile(pattern), handler });
  }
}

Router.prototype.count = function () {
  return counter++;
};

exports.listen = (port, router) => createServer(router.handle).listen(port);

const helpers = {
  base: path.sep,
  trim(text) {
    return text.trim();
  },
  parse: function (text) {
    return parse(text);
  },
  quote: (text) => JSON.stringify(text),
};

export default async function (options) {
  legacy.setUp(helpers, METHODS);
  return Router.create(options);
}
