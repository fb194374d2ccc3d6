// Evaluation of JavaScript and TypeScript expressions in a module under test; runs inside a sandbox, in Node or
// in Deno without permissions. It writes the records of evaluator.py on standard output, each line after MARK.
// The module shares the process and can forge each record; nothing in here knows what is expected.

const MARK = "\u001e";
const DEEPEST = 40, MOST_NODES = 20000;
const print = console.log.bind(console), stringify = JSON.stringify, isArray = Array.isArray;
const prototypeOf = Object.getPrototypeOf, entriesOf = Object.entries;
const exit = globalThis.Deno ? Deno.exit.bind(Deno) : process.exit.bind(process);
Object.assign(globalThis, { None: null, True: true, False: false }); // facts may be written as in Python

function encode(value) {
  let nodes = 0;
  const walk = (each, depth) => {
    nodes += 1;
    if (depth > DEEPEST || nodes > MOST_NODES) throw new RangeError("large");
    if (each === null || each === undefined) return null;
    const type = typeof each;
    if (type === "boolean" || type === "string") return each;
    if (type === "bigint") return ["int", hex(each)];
    if (type === "number") return Number.isInteger(each) ? ["int", hex(BigInt(each))] : ["float", float(each)];
    if (type === "function" || type === "symbol") return ["name", `javascript.${String(each.name ?? "")}`];
    const next = (inner) => walk(inner, depth + 1);
    if (isArray(each)) return ["list", Array.from(each, next)];
    if (ArrayBuffer.isView(each)) return ["list", Array.from(each, next)];
    if (each instanceof Map) return ["object", "javascript.Map", [...each].map((pair) => pair.map(next))];
    if (each instanceof Set) return ["object", "javascript.Set", [...each].map(next).sort(byText)];
    if (each instanceof Date) return ["object", "javascript.Date", each.toJSON()];
    if (each instanceof Error) return ["object", `javascript.${each.name}`, String(each.message)];
    if (each instanceof RegExp) return ["object", "javascript.RegExp", String(each)];
    const fields = ["dict", entriesOf(each).map(([key, inner]) => [key, next(inner)])];
    const kind = prototypeOf(each);
    return kind === null || kind === Object.prototype ? fields : ["object", `javascript.${kind.constructor?.name}`, fields];
  };
  try {
    return walk(value, 0);
  } catch (error) {
    if (error instanceof RangeError) return ["large"];
    throw error;
  }
}

const byText = (one, other) => (stringify(one) < stringify(other) ? -1 : 1);
const hex = (number) => (number < 0n ? "-0x" + (-number).toString(16) : "0x" + number.toString(16));
const float = (number) => (Number.isNaN(number) ? "nan" : String(number).replace("Infinity", "inf"));

function describe(error) {
  if (!(error instanceof Error)) return { types: ["javascript.thrown"], message: shown(error) };
  const types = [];
  for (let kind = error; kind && kind !== Object.prototype; kind = prototypeOf(kind)) {
    const name = Object.hasOwn(kind, "name") ? kind.name : kind.constructor?.name;
    if (typeof name === "string" && !types.includes(`javascript.${name}`)) types.push(`javascript.${name}`);
  }
  const line = /answer__\.[a-z]+:(\d+)/.exec(String(error.stack));
  const code = typeof error.code === "string" ? { code: error.code } : {};
  return { types, message: String(error.message).slice(0, 400), line: line ? Number(line[1]) : null, ...code };
}

function shown(value) {
  try {
    return String(typeof value === "object" ? stringify(value) : value).slice(0, 400);
  } catch {
    return "a value that cannot be shown";
  }
}

const write = (record) => print(MARK + stringify(record));

// An expression is a text, or a call in parts, of which the arguments are encoded before and after.
async function evaluateOne(scope, expression) {
  if (typeof expression === "string") return { value: encode(await scope(`(${expression}\n)`)) };
  const called = scope(expression.called);
  const given = expression.arguments.map((text) => scope(`(${text}\n)`));
  const before = given.map((each) => stringify(encode(each)));
  const value = encode(await called(...given));
  const changed = given.flatMap((each, place) => (stringify(encode(each)) === before[place] ? [] : [place]));
  return { value, changed };
}

// Names that the module exports and binds in no scope: `module.exports = function f() {}`.
function offer(namespace, names) {
  const whole = namespace?.default ?? namespace;
  for (const name of names) {
    if (name in globalThis) continue;
    const found = namespace?.[name] ?? whole?.[name] ?? (typeof whole === "function" ? whole : undefined);
    if (found !== undefined) globalThis[name] = found;
  }
}

export async function evaluate(load, expressions, names) {
  let scope, printed = false;
  globalThis.__scope = (given) => (scope = given);
  const methods = ["log", "info", "warn", "error", "table", "dir"];
  const original = methods.map((name) => console[name]);
  write({ record: "start" });
  methods.forEach((name) => (console[name] = () => void (printed = true)));
  try {
    offer(await load(), names);
  } catch (error) {
    write({ record: "load", error: describe(error), printed });
    exit(0);
  }
  methods.forEach((name, place) => (console[name] = original[place]));
  write({ record: "load", printed });
  for (const [index, expression] of expressions.entries()) {
    try {
      write({ record: "value", index, ...(await evaluateOne(scope, expression)) });
    } catch (error) {
      write({ record: "error", index, error: describe(error) });
    }
  }
  write({ record: "done" });
  exit(0);
}
