//! PyTorch's files: the zip that it writes since 1.6, and the bare pickles of before, which many OPUS-MT models still are.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::pickle::{Object, PthTensors, Stack, TensorInfo};
use candle_core::{Device, Error, Result, Tensor, bail};

/// How a file of bare pickles begins: the pickle of PyTorch's magic number.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
const VERSION: i64 = 1001;

pub(crate) enum PyTorch {
    Zip(PthTensors),
    Pickles(Pickles),
}

/// Tensors in a row behind the pickles that describe them.
pub(crate) struct Pickles {
    path: PathBuf,
    tensors: HashMap<String, TensorInfo>,
    /// Where each storage begins and how many bytes it has.
    storages: HashMap<String, (u64, u64)>,
}

impl PyTorch {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut begin = Vec::new();
        File::open(path)?.take(MAGIC.len() as u64).read_to_end(&mut begin)?;
        match begin == MAGIC {
            true => Ok(Self::Pickles(Pickles::open(path)?)),
            false => Ok(Self::Zip(PthTensors::new(path, None)?)),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::Zip(file) => file.tensor_infos().contains_key(name),
            Self::Pickles(file) => file.tensors.contains_key(name),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Result<Option<Tensor>> {
        match self {
            Self::Zip(file) => file.get(name),
            Self::Pickles(file) => file.get(name),
        }
    }
}

impl Pickles {
    fn open(path: &Path) -> Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut reader = BufReader::new(file);
        reader.seek(SeekFrom::Start(MAGIC.len() as u64))?;
        let mut next = || -> Result<Object> {
            let mut stack = Stack::empty();
            stack.read_loop(&mut reader)?;
            stack.finalize()
        };
        let version = next()?.int_or_long()?;
        if version != VERSION {
            bail!("version {version} of PyTorch's pickles, expected {VERSION}");
        }
        let _machine = next()?;
        let (state, keys) = (next()?.dict()?, next()?);
        let Object::List(keys) = keys else {
            bail!("no list of storages: truncated, or no state_dict");
        };
        let mut tensors = HashMap::new();
        for (name, value) in state {
            if let Some(mut info) = value.into_tensor_info(name, Path::new(""))? {
                // What stands before the storage's key is the folder that a zip would have.
                info.path = info.path.trim_start_matches('/').to_owned();
                tensors.insert(info.name.clone(), info);
            }
        }
        let widths: HashMap<&str, u64> = tensors
            .values()
            .map(|info| (info.path.as_str(), info.dtype.size_in_bytes() as u64))
            .collect();
        let mut storages = HashMap::new();
        for key in keys {
            let key = key.unicode()?;
            let mut count = [0; 8];
            reader.read_exact(&mut count)?;
            let from = reader.stream_position()?;
            // Of a storage that no tensor uses the width is not known; its elements have four bytes as all others.
            let width = widths.get(key.as_str()).copied().unwrap_or(4);
            let bytes = u64::from_le_bytes(count)
                .checked_mul(width)
                .filter(|bytes| from.saturating_add(*bytes) <= size);
            let Some(bytes) = bytes else {
                bail!("storage {key} reaches beyond the end of the file: truncated");
            };
            reader.seek(SeekFrom::Start(from + bytes))?;
            storages.insert(key, (from, bytes));
        }
        Ok(Self {
            path: path.to_owned(),
            tensors,
            storages,
        })
    }

    fn get(&self, name: &str) -> Result<Option<Tensor>> {
        let Some(info) = self.tensors.get(name) else {
            return Ok(None);
        };
        let Some(&(from, bytes)) = self.storages.get(&info.path) else {
            bail!("its storage {} is missing", info.path);
        };
        let (layout, dtype) = (&info.layout, info.dtype);
        let wanted = layout
            .dims()
            .iter()
            .try_fold(dtype.size_in_bytes() as u64, |all, dim| all.checked_mul(*dim as u64));
        // The layout's offset is in bytes already.
        let start = layout.start_offset() as u64;
        let Some(wanted) = wanted.filter(|wanted| start.checked_add(*wanted).is_some_and(|end| end <= bytes)) else {
            bail!("has shape {:?}, more than its storage of {bytes} bytes", layout.dims());
        };
        if !layout.is_contiguous() {
            bail!("is not contiguous");
        }
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(from + start))?;
        let mut data = vec![0; usize::try_from(wanted).map_err(Error::wrap)?];
        file.read_exact(&mut data)?;
        Ok(Some(Tensor::from_raw_buffer(
            &data,
            dtype,
            layout.dims(),
            &Device::Cpu,
        )?))
    }
}
