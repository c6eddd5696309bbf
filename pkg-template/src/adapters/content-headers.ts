/**
 * The headers that tell of a response's content. Where an error is answered in its place they would be wrong, or have the
 * error cached; others, such as those of CORS, are the error's too.
 */
export const CONTENT_HEADERS = [
  "accept-ranges",
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-range",
  "content-type",
  "etag",
  "expires",
  "last-modified",
  "location",
];
