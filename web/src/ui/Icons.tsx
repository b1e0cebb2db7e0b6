// Line icons, drawn for this page. Decorative: the words beside them say it.

import type { ReactNode } from "react";

const icon = (path: ReactNode) =>
  function Icon() {
    return (
      <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
        {path}
      </svg>
    );
  };

export const CallsIcon = icon(
  <path d="M6.6 3.5 9 3l2 5-2.2 1.5a12 12 0 0 0 5.7 5.7L16 13l5 2-.5 2.4a3.4 3.4 0 0 1-3.6 2.6A15.6 15.6 0 0 1 4 7.1a3.4 3.4 0 0 1 2.6-3.6Z" />,
);
export const PeopleIcon = icon(
  <>
    <circle cx="9" cy="8" r="3.5" />
    <path d="M2.5 20c.5-4 3-6 6.5-6s6 2 6.5 6M16 4.8a3.5 3.5 0 0 1 0 6.4M18 14.5c2 .8 3.2 2.6 3.5 5.5" />
  </>,
);
export const PhoneIcon = icon(
  <>
    <rect x="3" y="9" width="18" height="11" rx="2" />
    <path d="M7 9V6a2 2 0 0 1 2-2h6a2 2 0 0 1 2 2v3M8 13h.01M12 13h.01M16 13h.01M8 16.5h.01M12 16.5h.01M16 16.5h.01" />
  </>,
);
export const RoomIcon = icon(
  <>
    <circle cx="12" cy="5.5" r="2.5" />
    <circle cx="5.5" cy="16.5" r="2.5" />
    <circle cx="18.5" cy="16.5" r="2.5" />
    <path d="M8.6 7.2a7.5 7.5 0 0 0-3.6 6M15.4 7.2a7.5 7.5 0 0 1 3.6 6M8.4 18.6a7.5 7.5 0 0 0 7.2 0" />
  </>,
);
export const MicrophoneIcon = icon(
  <>
    <rect x="9" y="3" width="6" height="11" rx="3" />
    <path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3M8.5 21h7" />
  </>,
);
export const PlayIcon = icon(<path d="M8 5.5v13l10.5-6.5Z" />);
export const DownloadIcon = icon(<path d="M12 4v11M7.5 11 12 15.5 16.5 11M5 20h14" />);
export const TrashIcon = icon(<path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 13h9l1-13M10.5 11v5.5M13.5 11v5.5" />);
export const HistoryIcon = icon(<path d="M3.5 12a8.5 8.5 0 1 0 2.6-6.1L3.5 8.5M3.5 4v4.5H8M12 7.5V12l3 2" />);
export const RouteIcon = icon(
  <>
    <circle cx="6" cy="6" r="2.5" />
    <circle cx="18" cy="18" r="2.5" />
    <path d="M8.5 6H15a3.5 3.5 0 0 1 0 7H9a3.5 3.5 0 0 0 0 5h6.5" />
  </>,
);
export const LampIcon = icon(<path d="M9 17.5a6.5 6.5 0 1 1 6 0v1.5H9ZM10 21.5h4M12 13v6M10 11.5l2 1.5 2-1.5" />);
export const SearchIcon = icon(
  <>
    <circle cx="11" cy="11" r="6.5" />
    <path d="m20 20-4.3-4.3" />
  </>,
);
export const PlusIcon = icon(<path d="M12 5v14M5 12h14" />);
export const CloseIcon = icon(<path d="m6 6 12 12M18 6 6 18" />);
export const CopyIcon = icon(
  <>
    <rect x="9" y="9" width="11" height="11" rx="2" />
    <path d="M5 15H4V5a1 1 0 0 1 1-1h10v1" />
  </>,
);
export const ChevronIcon = icon(<path d="m9 6 6 6-6 6" />);
export const MoonIcon = icon(<path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z" />);
export const SunIcon = icon(
  <>
    <circle cx="12" cy="12" r="4" />
    <path d="M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4" />
  </>,
);
export const LeaveIcon = icon(<path d="M14 4h4a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2h-4M10 8l-4 4 4 4M6 12h9" />);
