// A phone over UDP, as simple as can be: it registers, answers every call, and says nothing in it.

import { createHash, randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { AddressInfo } from "node:net";

export type Server = { address: string; port: number };

type Message = { first: string; headers: [string, string][]; body: string };

const md5 = (...parts: string[]) => createHash("md5").update(parts.join(":")).digest("hex");
const token = () => randomBytes(8).toString("hex");

export class Phone {
  private seq = 0;
  private readonly callId = token();
  private answered: ((message: Message) => void) | undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly number: string,
    private readonly server: Server,
  ) {
    socket.on("message", (bytes) => this.hear(parse(bytes.toString())));
  }

  /** A phone that is signed in. */
  static async signIn(number: string, password: string, server: Server): Promise<Phone> {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    const phone = new Phone(socket, number, server);
    await phone.register(password);
    return phone;
  }

  close() {
    this.socket.close();
  }

  private get here() {
    const { address, port } = this.socket.address() as AddressInfo;
    return `${address}:${port}`;
  }

  private async register(password: string) {
    const uri = `sip:${this.server.address}:${this.server.port}`;
    const challenge = await this.ask(uri, []);
    const field = (value: string, name: string) => new RegExp(`${name}="?([^",]+)`).exec(value)?.[1] ?? "";
    const asked = challenge.headers
      .filter(([name]) => name === "www-authenticate")
      .map(([, value]) => value)
      .find((value) => /algorithm="?md5\b/i.test(value) || !/algorithm/i.test(value));
    if (!asked) throw new Error(`no challenge: ${challenge.first}`);
    const [realm, nonce, cnonce] = [field(asked, "realm"), field(asked, "nonce"), token()];
    const response = md5(md5(this.number, realm, password), nonce, "00000001", cnonce, "auth", md5("REGISTER", uri));
    const opaque = field(asked, "opaque");
    const authorization =
      `Digest username="${this.number}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${response}", ` +
      `algorithm=MD5, qop=auth, nc=00000001, cnonce="${cnonce}"${opaque && `, opaque="${opaque}"`}`;
    const answer = await this.ask(uri, [`Authorization: ${authorization}`]);
    if (!answer.first.startsWith("SIP/2.0 200")) throw new Error(`not registered: ${answer.first}`);
  }

  /** Sends a REGISTER; its final answer. */
  private async ask(uri: string, more: string[]): Promise<Message> {
    const person = `<sip:${this.number}@${this.server.address}>`;
    const answer = new Promise<Message>((resolve, reject) => {
      this.answered = resolve;
      setTimeout(() => reject(new Error("REGISTER was not answered")), 5_000).unref();
    });
    this.send([
      `REGISTER ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${this.here};rport;branch=z9hG4bK${token()}`,
      "Max-Forwards: 70",
      `From: ${person};tag=${token()}`,
      `To: ${person}`,
      `Call-ID: ${this.callId}`,
      `CSeq: ${++this.seq} REGISTER`,
      `Contact: <sip:${this.number}@${this.here}>`,
      "Expires: 300",
      ...more,
      "Content-Length: 0",
    ]);
    return answer;
  }

  private hear(message: Message) {
    const [method] = message.first.split(" ");
    if (message.first.startsWith("SIP/2.0 ")) {
      if (!message.first.startsWith("SIP/2.0 1")) this.answered?.(message);
    } else if (method === "INVITE") {
      this.reply(message, this.description(message.body));
    } else if (method !== "ACK") {
      this.reply(message, "");
    }
  }

  /** Answers with 200. */
  private reply(request: Message, body: string) {
    const copied = request.headers.filter(([name]) => ["via", "from", "call-id", "cseq", "record-route"].includes(name));
    const to = request.headers.find(([name]) => name === "to")?.[1] ?? "";
    const callId = request.headers.find(([name]) => name === "call-id")?.[1] ?? "";
    this.send(
      [
        "SIP/2.0 200 OK",
        ...copied.map(([name, value]) => `${name}: ${value}`),
        `To: ${/;tag=/.test(to) ? to : `${to};tag=${md5(callId)}`}`,
        `Contact: <sip:${this.number}@${this.here}>`,
        ...(body ? ["Content-Type: application/sdp"] : []),
        `Content-Length: ${body.length}`,
      ],
      body,
    );
  }

  /** The answer to an offer: G.711, at a port where no program listens. */
  private description(offer: string): string {
    const payloads = /^m=audio \d+ \S+ (.*)$/m.exec(offer)?.[1]?.trim().split(" ") ?? ["0"];
    const codec = payloads.find((payload) => payload === "8" || payload === "0") ?? "0";
    const lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", `m=audio 9 RTP/AVP ${codec}`];
    return `${lines.join("\r\n")}\r\n`;
  }

  private send(lines: string[], body = "") {
    this.socket.send(`${lines.join("\r\n")}\r\n\r\n${body}`, this.server.port, this.server.address);
  }
}

function parse(text: string): Message {
  const [head = "", body = ""] = text.split(/\r\n\r\n(.*)/s);
  const [first = "", ...rows] = head.split("\r\n");
  const headers = rows.map((row): [string, string] => {
    const colon = row.indexOf(":");
    return [row.slice(0, colon).trim().toLowerCase(), row.slice(colon + 1).trim()];
  });
  return { first, headers, body };
}
