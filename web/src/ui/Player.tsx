// Plays a recording. The browser reads its sound part by part, by a link that needs no token and is good for a while.

import { useQuery } from "@tanstack/react-query";
import { type SyntheticEvent, useRef, useState } from "react";

import { api, type Recording, unwrap } from "../api/client";
import { message } from "./States";

const link = (id: string) => unwrap(api.POST("/api/v1/recordings/{id}/link", { params: { path: { id } } }));

type Props = { recording: Recording; label: string; autoPlay?: boolean };

export function Player({ recording: { id }, label, autoPlay = false }: Props) {
  const [fault, setFault] = useState(false);
  // Where the sound was when the link ended, and whether it was heard.
  const left = useRef({ at: 0, playing: autoPlay });
  const made = useQuery({
    queryKey: ["recording-link", id],
    queryFn: () => link(id),
    // Each player has a link of its own. An old link stays while it is good: a new one would begin again.
    staleTime: Infinity,
    gcTime: 0,
    retry: false,
  });
  if (made.error) return <p role="alert">This cannot be played: {message(made.error)}</p>;
  if (fault) return <p role="alert">This cannot be played: the file is missing, or the browser does not know its format.</p>;
  const onError = ({ currentTarget: audio }: SyntheticEvent<HTMLAudioElement>) => {
    const over = Date.parse(made.data?.expires_at ?? "") <= Date.now();
    if (!over) return setFault(true);
    left.current = { at: audio.currentTime, playing: !audio.paused };
    void made.refetch();
  };
  const onLoadedMetadata = ({ currentTarget: audio }: SyntheticEvent<HTMLAudioElement>) => {
    const { at, playing } = left.current;
    if (at > 0) audio.currentTime = at;
    // A browser may not allow sound that no person asked for.
    if (playing) audio.play().catch(() => undefined);
    left.current = { at: 0, playing: false };
  };
  return (
    <audio
      className="player"
      controls
      preload="metadata"
      aria-label={label}
      src={made.data?.url}
      onError={onError}
      onLoadedMetadata={onLoadedMetadata}
    />
  );
}

/** Has the browser save the file. */
export async function download(id: string): Promise<void> {
  const { url } = await link(id);
  const anchor = document.createElement("a");
  anchor.href = url;
  // The server names the file.
  anchor.download = "";
  anchor.click();
}
