// Shows every stream of this router, or those of one path, and keeps trying: what is not there yet comes by itself.

const POLL = 1500;
const TICK = 500;
/** A picture that stands still for so long is fetched anew. */
const STALL = 5000;
/** Beyond this, catching up by playing faster takes too long. */
const JUMP_BEHIND = 4;
const RETRY = 1000;

const here = decodeURIComponent(location.pathname).replace(/^\/+|\/+$/g, "");
const byId = (id) => document.getElementById(id);
const fromTemplate = (id) => byId(id).content.firstElementChild.cloneNode(true);
const setText = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

const languageNames = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });
const languageName = (tag) => {
  try {
    return languageNames.of(tag);
  } catch {
    return tag;
  }
};

/** `live/x/out/fr` is the part `out`, language `fr`, of the stream `live/x`. */
function split(path) {
  const parts = path.split("/");
  const last = parts.length - 1;
  if (last > 0 && parts[last] === "in") return { stream: parts.slice(0, -1).join("/"), role: "original" };
  if (last > 0 && parts[last] === "out") return { stream: parts.slice(0, -1).join("/"), role: "dubbed" };
  if (last > 1 && parts[last - 1] === "out") {
    return { stream: parts.slice(0, -2).join("/"), role: "dubbed", language: parts[last] };
  }
  return { stream: path, role: "other" };
}

const shortName = (stream) => stream.replace(/^live\//, "");

/** One stream with its sound button. Plays while the router lists its path. */
class Player {
  constructor(path, select) {
    this.path = path;
    this.parts = split(path);
    this.listed = null;
    this.engine = null;
    this.notBefore = 0;
    this.seen = { time: -1, at: 0 };
    this.wasLive = false;
    this.element = fromTemplate("player");
    this.element.dataset.path = path;
    this.element.dataset.role = this.parts.role;
    const find = (selector) => this.element.querySelector(selector);
    this.video = find("video");
    this.sound = find(".sound");
    this.largeSound = find(".large-sound");
    this.fields = Object.fromEntries(
      ["role", "language", "facts", "word", "lag", "what", "hint"].map((name) => [name, find(`.${name}`)]),
    );
    this.sound.addEventListener("click", () => select(this.audible ? null : this));
    this.largeSound.addEventListener("click", () => select(this));
    find(".full").addEventListener("click", () => find(".screen").requestFullscreen?.());
    this.setAudible(false);
    this.setState("waiting");
  }

  /** Takes what the router says about the path (`null`: it does not list it) and what its siblings say of languages. */
  update(listed, language) {
    const renewed = this.listed && listed && this.listed.source !== listed.source;
    this.listed = listed;
    this.language = this.parts.language ?? language;
    if (!listed || renewed) this.stop();
    const names = { original: "Original", dubbed: "Dubbed", other: "Stream" };
    setText(this.fields.role, names[this.parts.role]);
    setText(this.fields.language, this.language ? languageName(this.language) : "");
    setText(this.fields.facts, listed ? facts(listed.tracks) : this.path);
    this.sound.disabled = Boolean(listed) && !this.hasSound();
    this.setAudible(this.audible);
  }

  setAudible(audible) {
    this.audible = audible;
    this.video.muted = !audible;
    this.element.classList.toggle("audible", audible);
    this.sound.setAttribute("aria-pressed", String(audible));
    setText(this.sound.querySelector("span"), audible ? "Listening" : "Listen");
    const whose = [this.fields.role.textContent, this.fields.language.textContent].filter(Boolean).join(", ");
    this.sound.setAttribute("aria-label", `Listen to ${whose || this.path}`);
    if (audible) this.video.play().catch(() => {});
  }

  hasSound() {
    return this.listed?.tracks.some((track) => AUDIO.has(track.codec)) ?? false;
  }

  hasPicture() {
    return this.listed?.tracks.some((track) => track.codec === "H264") ?? false;
  }

  setState(state) {
    if (this.element.dataset.state === state) return;
    this.element.dataset.state = state;
    const words = {
      waiting: ["Waiting", this.wasLive ? "The stream has ended" : "Not on air yet"],
      starting: ["Starting", "Starting with the next full picture"],
      live: ["Live", ""],
      sound: ["Live", "Sound only"],
      fault: ["Not playable", "This browser cannot play it"],
    };
    const [word, what] = words[state];
    setText(this.fields.word, word);
    setText(this.fields.what, what);
    setText(this.fields.hint, state === "waiting" ? "It starts here by itself when it comes." : "");
    if (state === "sound" && !this.hasPicture()) setText(this.fields.hint, pictureNote(this.listed));
  }

  /** Called twice a second. */
  tick(now) {
    this.largeSound.hidden = !(this.alone && this.element.dataset.state === "live" && !this.audible && this.hasSound());
    if (!this.listed) {
      this.setState("waiting");
      setText(this.fields.lag, "");
      return;
    }
    if (!this.engine) {
      if (now >= this.notBefore) this.start(now);
      return;
    }
    const { video } = this;
    if (video.currentTime !== this.seen.time) {
      this.seen = { time: video.currentTime, at: now };
    } else if (now - this.seen.at > STALL) {
      this.stop(now + RETRY);
      return;
    }
    const end = video.buffered.length ? video.buffered.end(video.buffered.length - 1) : 0;
    const behind = end - video.currentTime;
    if (behind > JUMP_BEHIND) video.currentTime = end - 0.8;
    if (video.readyState >= 3 && video.currentTime > 0) {
      this.wasLive = true;
      this.setState(this.hasPicture() ? "live" : "sound");
      this.element.dataset.lag = behind.toFixed(2);
      setText(this.fields.lag, `${Math.max(behind, 0).toFixed(1)} s behind live`);
    }
  }

  start(now) {
    if (!window.mpegts?.isSupported()) {
      this.setState("fault");
      return;
    }
    this.setState("starting");
    this.seen = { time: -1, at: now };
    const source = { type: "flv", isLive: true, url: new URL(`/${this.path}.flv`, location.href).href };
    this.engine = window.mpegts.createPlayer(source, {
      enableStashBuffer: false,
      lazyLoad: false,
      liveSync: true,
      liveSyncMaxLatency: 1.2,
      liveSyncTargetLatency: 0.6,
      liveSyncPlaybackRate: 1.1,
      autoCleanupSourceBuffer: true,
      autoCleanupMaxBackwardDuration: 30,
      autoCleanupMinBackwardDuration: 10,
    });
    const again = () => this.stop(performance.now() + RETRY);
    this.engine.on(window.mpegts.Events.ERROR, again);
    this.engine.on(window.mpegts.Events.LOADING_COMPLETE, again);
    this.engine.attachMediaElement(this.video);
    this.engine.load();
    this.engine.play()?.catch(() => {});
  }

  stop(notBefore = performance.now()) {
    this.notBefore = notBefore;
    const engine = this.engine;
    if (!engine) return;
    this.engine = null;
    // Not from within its own event.
    setTimeout(() => engine.destroy());
    this.setState(this.listed ? "starting" : "waiting");
  }
}

const AUDIO = new Set(["MPEG-4 Audio", "MPEG-1/2 Audio", "G711", "Speex", "LPCM"]);

function facts(tracks) {
  return tracks
    .map(({ codec, codecProps: props }) => {
      if (props?.width) return `${props.width}×${props.height} ${codec}`;
      if (props?.sampleRate) return `${props.sampleRate / 1000} kHz ${["", "mono", "stereo"][props.channelCount] ?? ""}`;
      return codec;
    })
    .join(" · ");
}

function pictureNote(listed) {
  const foreign = listed?.tracks.find((track) => !AUDIO.has(track.codec));
  return foreign ? `Its picture is ${foreign.codec}, which cannot be shown here.` : "";
}

/** The page: which players there are, and where. */
const players = new Map();
const sections = new Map();

function select(chosen) {
  for (const player of players.values()) player.setAudible(player === chosen);
}

/** The paths that this page is about: what the router lists, and what its address names even if it is not there. */
function wanted(listed) {
  const paths = [...listed.keys()];
  if (!here) return paths;
  const { role } = split(here);
  if (role !== "other" || listed.has(here)) return [here];
  return [...new Set([`${here}/in`, `${here}/out`, ...paths.filter((path) => split(path).stream === here)])];
}

const ORDER = { original: 0, other: 1, dubbed: 2 };

function show(listed) {
  const paths = wanted(listed).sort((a, b) => ORDER[split(a).role] - ORDER[split(b).role] || (a < b ? -1 : 1));
  // A stream that ends keeps its place on the page of all streams as long as a sibling is there.
  const streams = new Set(paths.map((path) => split(path).stream));
  for (const path of players.keys()) {
    if (!paths.includes(path) && !here && streams.has(split(path).stream)) paths.push(path);
  }
  for (const [path, player] of players) {
    if (paths.includes(path)) continue;
    player.listed = null;
    player.stop();
    player.element.remove();
    players.delete(path);
  }
  for (const path of paths) {
    const { stream } = split(path);
    if (!sections.has(stream)) sections.set(stream, addSection(stream));
    let player = players.get(path);
    if (!player) {
      player = new Player(path, select);
      players.set(path, player);
      place(sections.get(stream).querySelector(".players"), player);
    }
    player.alone = Boolean(here) && paths.length === 1;
    player.update(listed.get(path) ?? null, languageOf(path, listed));
  }
  for (const [stream, section] of sections) {
    const own = [...players.values()].filter((player) => player.parts.stream === stream);
    if (own.length === 0) {
      section.remove();
      sections.delete(stream);
      continue;
    }
    section.classList.toggle("alone", Boolean(here) && paths.length === 1);
    const live = own.filter((player) => player.listed).length;
    setText(section.querySelector(".note"), live === own.length || own.length === 1 ? "" : `${live} of ${own.length} on air`);
  }
  empty(paths.length === 0);
  const onAir = new Set([...listed.keys()].map((path) => split(path).stream)).size;
  setText(byId("summary"), onAir === 1 ? "1 stream on air" : `${onAir} streams on air`);
}

/** A path's own word first, then what its publisher asked for. */
function languageOf(path, listed) {
  const own = listed.get(path)?.languages ?? {};
  const { stream, role } = split(path);
  const source = listed.get(`${stream}/in`)?.languages ?? {};
  if (own.lang) return own.lang[0];
  if (role === "original") return (own.source ?? []).find((tag) => tag !== "auto");
  if (role === "dubbed") return source.targets?.[0];
  return undefined;
}

function place(container, player) {
  const rank = ({ dataset }) => `${ORDER[dataset.role]}${dataset.path}`;
  const next = [...container.children].find((other) => rank(other) > rank(player.element));
  container.insertBefore(player.element, next ?? null);
}

function addSection(stream) {
  const section = fromTemplate("stream");
  const link = section.querySelector("h2 a");
  link.textContent = shortName(stream);
  link.href = `/${stream}/`;
  byId("streams").append(section);
  return section;
}

let emptyElement = null;
let rtmpPort = 1935;

function empty(is) {
  if (!is) {
    emptyElement?.remove();
    emptyElement = null;
    return;
  }
  if (emptyElement) return;
  emptyElement = fromTemplate("empty");
  setText(emptyElement.querySelector("h1"), "Nothing is on air");
  setText(emptyElement.querySelector("p"), "Streams appear here by themselves. Send one, for example:");
  const port = rtmpPort === 1935 ? "" : `:${rtmpPort}`;
  const command = `ffmpeg -re -stream_loop -1 -i talk.mp4 -c copy -f flv rtmp://${location.hostname}${port}/live/talk/in`;
  setText(emptyElement.querySelector("code"), command);
  const copy = emptyElement.querySelector("button");
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(command);
    setText(copy, "Copied");
  });
  byId("streams").append(emptyElement);
}

function trail() {
  if (!here) return;
  const { stream, role, language } = split(here);
  const steps = [[shortName(stream), `/${stream}/`]];
  if (role !== "other") {
    const name = { original: "Original", dubbed: "Dubbed" }[role];
    steps.push([language ? `${name}, ${languageName(language)}` : name, null]);
  }
  document.title = `${shortName(stream)} · Dragoman`;
  for (const [index, [name, href]] of steps.entries()) {
    const item = document.createElement("li");
    const link = item.appendChild(document.createElement("a"));
    link.textContent = name;
    if (index === steps.length - 1) link.setAttribute("aria-current", "page");
    else link.href = href;
    byId("trail").append(item);
  }
}

async function poll() {
  try {
    const response = await fetch("/-/streams", { cache: "no-store", signal: AbortSignal.timeout(4000) });
    if (!response.ok) throw new Error(response.statusText);
    const answer = await response.json();
    rtmpPort = answer.rtmpPort;
    byId("away").hidden = true;
    show(new Map(answer.streams.map((stream) => [stream.path, stream])));
  } catch {
    byId("away").hidden = false;
    setText(byId("summary"), "");
  }
  setTimeout(poll, POLL);
}

trail();
poll();
setInterval(() => {
  const now = performance.now();
  for (const player of players.values()) player.tick(now);
}, TICK);
