/**
 * Who the TLS upstream says it is: localhost and 127.0.0.1, signed by itself. The key is public, so the certificate is
 * trusted by nobody but the processes of one run; a fixture, since Node makes no certificates and openssl may be missing.
 */
export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBqDCCAU6gAwIBAgIUWlf9AHAE0m5BBrR2YJM1n7MtYPkwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzA1MDA0NFoYDzIxMjYxMDMw
MDUwMDQ0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQaV6LrAb42cVkurJ5dPO19g7xdjWwFm1a8H3ByyiVsVhv44htiocgX
POuAgR4a3mcOgqQ5isdTZHmqQ62Bo92Ho3wwejAdBgNVHQ4EFgQUQ9mkBr2JofJi
O8c+E8Lm55upVB8wHwYDVR0jBBgwFoAUQ9mkBr2JofJiO8c+E8Lm55upVB8wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCwYDVR0P
BAQDAgKEMAoGCCqGSM49BAMCA0gAMEUCIQCvdAUBrgqxP8mDH9oYQIPyr3/3o/ez
uKuj2pmDcAStEAIgR4sYPr1BR8m+/ua4U2ffSJOmB+Y07sP/DUeOyUxsQss=
-----END CERTIFICATE-----
`;

export const PRIVATE_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgcWrtO1VpjH2SYHqq
nSICi9OPlqdMvUbs+M2wPk1jbGKhRANCAAQaV6LrAb42cVkurJ5dPO19g7xdjWwF
m1a8H3ByyiVsVhv44htiocgXPOuAgR4a3mcOgqQ5isdTZHmqQ62Bo92H
-----END PRIVATE KEY-----
`;
