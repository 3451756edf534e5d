//! Who asks, and where: from the environment, as the stores' own tools take it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arcoforge_core::error::{Code, Error, Result};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::{ObjectStore, RetryConfig};

use super::connector::Connector;
use super::profile;
use super::url::{BucketKind, BucketUrl};
use crate::credentials::{S3Keys, Secret};

/// Endpoints, regions and keys, by the names that they have in the environment (`AWS_ACCESS_KEY_ID`, `AWS_REGION`,
/// `AWS_ENDPOINT_URL`, `AWS_PROFILE`, `AWS_NO_SIGN_REQUEST`, `GOOGLE_APPLICATION_CREDENTIALS`,
/// `AZURE_STORAGE_ACCOUNT_NAME` …). Where there are no keys, public buckets can be read.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct BucketOptions {
    /// Names and values; empty ones count as not set.
    pub variables: BTreeMap<String, String>,
}

/// How a bucket of S3 is reached; nothing secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct S3Place {
    /// The region, where it is known.
    pub region: Option<String>,
    /// The server, where it is none of Amazon's.
    pub endpoint: Option<String>,
    /// Requests are not signed.
    pub anonymous: bool,
}

/// Values are secrets.
impl fmt::Debug for BucketOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

/// The ways into one store.
#[derive(Clone)]
pub(super) struct Handles {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) lists: Arc<dyn PaginatedListStore>,
    pub(super) parts: Arc<dyn MultipartStore>,
}

impl Handles {
    fn of(store: impl ObjectStore + PaginatedListStore + MultipartStore) -> Self {
        let store = Arc::new(store);
        Self { objects: Arc::clone(&store) as _, lists: Arc::clone(&store) as _, parts: store }
    }
}

impl BucketOptions {
    /// What the environment of this process says.
    pub fn from_env() -> Self {
        let counts = |name: &str| {
            ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|prefix| name.starts_with(prefix))
                || ["HOME", "STORAGE_EMULATOR_HOST"].contains(&name)
        };
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { variables: std::env::vars_os().filter_map(text).filter(|(name, _)| counts(name)).collect() }
    }

    /// The same with other keys for stores that speak S3. They go to Amazon, or to the endpoint that is theirs: that of the
    /// environment may be another's.
    pub(super) fn with_keys(&self, keys: &S3Keys) -> Self {
        const OTHERS: [&str; 12] = [
            "AWS_ENDPOINT_URL_S3",
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT",
            "AWS_REGION",
            "AWS_DEFAULT_REGION",
            "AWS_PROFILE",
            "AWS_NO_SIGN_REQUEST",
            "AWS_SKIP_SIGNATURE",
            "AWS_SESSION_TOKEN",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        ];
        let mut variables = self.variables.clone();
        variables.retain(|name, _| !OTHERS.contains(&name.as_str()));
        let secret = |secret: &Secret| secret.reveal().to_owned();
        let own = [
            ("AWS_ACCESS_KEY_ID", Some(keys.access_key_id.clone())),
            ("AWS_SECRET_ACCESS_KEY", Some(secret(&keys.secret_access_key))),
            ("AWS_SESSION_TOKEN", keys.session_token.as_ref().map(secret)),
            ("AWS_ENDPOINT_URL_S3", keys.endpoint_url.clone()),
            ("AWS_REGION", keys.region.clone()),
            // the profiles in them have endpoints and regions, too
            ("AWS_CONFIG_FILE", Some("/dev/null".to_owned())),
            ("AWS_SHARED_CREDENTIALS_FILE", Some("/dev/null".to_owned())),
        ];
        variables.extend(own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Self { variables }
    }

    /// What readers of S3 need besides keys.
    pub fn s3_place(&self) -> S3Place {
        let profile = self.profile();
        let region = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| self.get(name));
        let region = region.map(str::to_owned).or_else(|| profile.get("region").cloned());
        let endpoint = self.s3_endpoint().map(str::to_owned).or_else(|| profile.get("endpoint_url").cloned());
        let unsigned = ["AWS_NO_SIGN_REQUEST", "AWS_SKIP_SIGNATURE"].iter().any(|name| self.is_set(name));
        S3Place { region, endpoint, anonymous: unsigned || !self.has_s3_keys(&profile) }
    }

    fn s3_endpoint(&self) -> Option<&str> {
        ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"].iter().find_map(|name| self.get(name))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn is_set(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| !["false", "no", "0"].contains(&value.to_ascii_lowercase().as_str()))
    }

    fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (String, &'a str)> {
        self.variables
            .iter()
            .filter(move |(name, value)| name.starts_with(prefix) && !value.is_empty())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
    }

    /// A store for a bucket, in `region` where a server told it. Opens no socket.
    pub(super) fn connect(
        &self,
        url: &BucketUrl,
        connector: Connector,
        region: Option<&str>,
    ) -> Result<Handles> {
        let built = match url.kind {
            BucketKind::S3 => self.s3(url, connector, region).build().map(Handles::of),
            BucketKind::Gs => self.gs(url, connector).build().map(Handles::of),
            BucketKind::Az => self.az(url, connector).build().map(Handles::of),
        };
        built.map_err(|e| {
            let help = match url.kind {
                BucketKind::Az => "name the account: `AZURE_STORAGE_ACCOUNT_NAME`, or `abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/KEY`",
                BucketKind::S3 => "check the environment: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` go together",
                BucketKind::Gs => "check the files that `GOOGLE_APPLICATION_CREDENTIALS` or `GOOGLE_SERVICE_ACCOUNT` name",
            };
            Error::new(Code::SourceDenied, "the environment does not say how to reach the bucket")
                .caused_by(e)
                .at(url.root())
                .help(help)
        })
    }

    fn s3(&self, url: &BucketUrl, connector: Connector, region: Option<&str>) -> AmazonS3Builder {
        let mut builder = AmazonS3Builder::new().with_retry(once()).with_http_connector(connector);
        let profile = self.profile();
        let of_profile = |name: &str| profile.get(name).filter(|value| !value.is_empty());
        if let Some(region) = of_profile("region") {
            builder = builder.with_region(region);
        }
        let mut endpoint = of_profile("endpoint_url").cloned();
        for (name, value) in self.with_prefix("AWS_") {
            match (name.as_str(), name.parse()) {
                ("aws_no_sign_request" | "aws_request_payer", _) | (_, Err(_)) => {}
                ("aws_endpoint_url" | "aws_endpoint_url_s3" | "aws_endpoint", _) => {}
                (_, Ok(key)) => builder = builder.with_config(key, value),
            }
        }
        endpoint = self.s3_endpoint().map(str::to_owned).or(endpoint);
        builder = match endpoint {
            Some(endpoint) => builder.with_endpoint(endpoint),
            // a certificate for `*.s3…` does not hold for names with dots
            None => builder.with_virtual_hosted_style_request(!url.bucket.contains('.')),
        };
        if let Some(region) = region {
            builder = builder.with_region(region);
        }
        builder = builder.with_request_payer(self.get("AWS_REQUEST_PAYER").is_some());
        if self.get("AWS_ACCESS_KEY_ID").is_none()
            && let (Some(id), Some(secret)) =
                (of_profile("aws_access_key_id"), of_profile("aws_secret_access_key"))
        {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
            if let Some(token) = of_profile("aws_session_token") {
                builder = builder.with_token(token);
            }
        }
        let anonymous = self.is_set("AWS_NO_SIGN_REQUEST") || !self.has_s3_keys(&profile);
        builder
            .with_bucket_name(&url.bucket)
            .with_skip_signature(anonymous || self.is_set("AWS_SKIP_SIGNATURE"))
    }

    fn has_s3_keys(&self, profile: &BTreeMap<String, String>) -> bool {
        const SOURCES: [&str; 4] = [
            "AWS_ACCESS_KEY_ID",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        ];
        SOURCES.iter().any(|name| self.get(name).is_some())
            || profile.contains_key("aws_access_key_id")
            || (!self.is_set("AWS_EC2_METADATA_DISABLED") && runs_on("sys_vendor", "Amazon EC2"))
    }

    /// The values of the profile in use, those of the file of credentials before those of the file of the rest.
    fn profile(&self) -> BTreeMap<String, String> {
        let file = |variable: &str, name: &str| {
            let path = match (self.get(variable), self.get("HOME")) {
                (Some(path), _) => PathBuf::from(path),
                (None, Some(home)) => PathBuf::from(home).join(".aws").join(name),
                (None, None) => return String::new(),
            };
            std::fs::read_to_string(path).unwrap_or_default()
        };
        let name = self.get("AWS_PROFILE").unwrap_or("default");
        let mut values = profile::section(&file("AWS_CONFIG_FILE", "config"), name);
        values.extend(profile::section(&file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), name));
        values
    }

    fn gs(&self, url: &BucketUrl, connector: Connector) -> GoogleCloudStorageBuilder {
        let mut builder = GoogleCloudStorageBuilder::new().with_retry(once()).with_http_connector(connector);
        for (name, value) in self.with_prefix("GOOGLE_") {
            if let Ok(key) = name.parse() {
                builder = builder.with_config(key, value);
            }
        }
        let known = self
            .get("HOME")
            .map(|home| PathBuf::from(home).join(".config/gcloud/application_default_credentials.json"));
        if self.get("GOOGLE_APPLICATION_CREDENTIALS").is_none()
            && let Some(path) = known.as_deref().filter(|path| path.exists()).and_then(|path| path.to_str())
        {
            builder = builder.with_application_credentials(path);
        }
        const SOURCES: [&str; 5] = [
            "GOOGLE_APPLICATION_CREDENTIALS",
            "GOOGLE_SERVICE_ACCOUNT",
            "GOOGLE_SERVICE_ACCOUNT_PATH",
            "GOOGLE_SERVICE_ACCOUNT_KEY",
            "GOOGLE_BEARER_TOKEN",
        ];
        let mut anonymous = !SOURCES.iter().any(|name| self.get(name).is_some())
            && !known.is_some_and(|path| path.exists())
            && !runs_on("product_name", "Google Compute Engine");
        if let Some(host) = self.get("STORAGE_EMULATOR_HOST") {
            let base = if host.contains("://") { host.to_owned() } else { format!("http://{host}") };
            builder = builder.with_base_url(&base);
            anonymous = true;
        }
        builder
            .with_bucket_name(&url.bucket)
            .with_skip_signature(anonymous || self.is_set("GOOGLE_SKIP_SIGNATURE"))
    }

    fn az(&self, url: &BucketUrl, connector: Connector) -> MicrosoftAzureBuilder {
        let mut builder = MicrosoftAzureBuilder::new().with_retry(once()).with_http_connector(connector);
        let connection = self.get("AZURE_STORAGE_CONNECTION_STRING").unwrap_or_default();
        for (name, value) in connection.split(';').filter_map(|pair| pair.split_once('=')) {
            builder = match name {
                "AccountName" => builder.with_account(value),
                "AccountKey" => builder.with_access_key(value),
                "BlobEndpoint" => builder.with_endpoint(value.to_owned()),
                "SharedAccessSignature" => {
                    builder.with_config(object_store::azure::AzureConfigKey::SasKey, value)
                }
                _ => builder,
            };
        }
        for (name, value) in self.with_prefix("AZURE_") {
            if let Ok(key) = name.parse() {
                builder = builder.with_config(key, value);
            }
        }
        if let Some(account) = url.account.as_deref().or(self.get("AZURE_STORAGE_ACCOUNT")) {
            builder = builder.with_account(account);
        }
        const SOURCES: [&str; 11] = [
            "AZURE_USE_AZURE_CLI",
            "AZURE_STORAGE_ACCOUNT_KEY",
            "AZURE_STORAGE_ACCESS_KEY",
            "AZURE_STORAGE_KEY",
            "AZURE_STORAGE_SAS_TOKEN",
            "AZURE_STORAGE_SAS_KEY",
            "AZURE_STORAGE_TOKEN",
            "AZURE_STORAGE_CLIENT_ID",
            "AZURE_CLIENT_ID",
            "AZURE_FEDERATED_TOKEN_FILE",
            "AZURE_STORAGE_CONNECTION_STRING",
        ];
        // what every virtual machine of Azure has in its firmware
        let on_azure = runs_on("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77");
        let anonymous = !SOURCES.iter().any(|name| self.get(name).is_some()) && !on_azure;
        builder
            .with_container_name(&url.bucket)
            .with_skip_signature(anonymous || self.is_set("AZURE_SKIP_SIGNATURE"))
    }
}

/// Repetitions are ours.
fn once() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// Whether the firmware says that this is a machine of a cloud, which then has keys for it: asked for nowhere else, where
/// nothing would answer for long.
fn runs_on(field: &str, expected: &str) -> bool {
    std::fs::read_to_string(format!("/sys/class/dmi/id/{field}")).is_ok_and(|text| text.trim() == expected)
}
